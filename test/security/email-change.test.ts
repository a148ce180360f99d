// SECURITY 1.9 (A90) and A23 at a change of address: it needs a recent sign-in and a code from the new mailbox, belongs
// to one session, and voids what rested on the old address.
import t from 'tap'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { shiftClock } from '../support/databases.ts'
import {
  ADA,
  askForChange,
  bearer,
  changeAddress,
  confirmChange,
  importPerson,
  LIN,
  NEW,
  requestChange,
  STOP_URL,
  startEmbedded,
  tokenOf,
  WRONG_CODE,
  wrongCode,
} from '../support/email-change.ts'
import { authorizationUrl, openBrowser, signInAtPages } from '../support/hosted-browser.ts'
import {
  authorize,
  claimsOf,
  codeMailedTo,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  redeem,
  refresh,
  signIn,
  startChallenge,
} from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { readState, refuses } from '../support/refusal.ts'

t.setTimeout(120_000)

const DAY = 86_400
const emailOf = async (identity: IdentityUnderTest, token: string) =>
  (await identity.get('/v1/me', token)).body['user']?.email
const attemptsOf = async (identity: IdentityUnderTest) =>
  (await ask(identity, `SELECT attempts FROM otp_challenge WHERE purpose = 'email_change' ORDER BY id DESC LIMIT 1`))[0]
const linksIn = (text: string) => text.match(/https?:\/\/[^\s"<]+/g) ?? []

t.test('a code from the new mailbox changes the address, and ends all other sign-ins', async (t) => {
  const identity = await startEmbedded(t)
  const [phone, tablet] = [await signIn(identity, ADA), await signIn(identity, ADA)]
  const browser = openBrowser(identity)
  await signInAtPages(identity, browser, ADA, await browser.get(`/sign-in?${authorizationUrl().url.split('?')[1]}`))
  const silent = authorizationUrl({ prompt: 'none' }).url
  t.match((await browser.get(silent)).headers['location'], /[?&]code=/, 'the browser is signed on')

  const token = tokenOf(phone)
  const headers = { host: 'evil.example', 'x-forwarded-host': 'evil.example' }
  const reply = await requestChange(identity, token, { email: '  Ada.New@Example.test ' }, headers)
  t.equal(reply.status, 202, reply.text)
  t.match(reply.body, { change_session: /^as1\./, expires_in: 900, resend_in: 0 })
  t.equal(Object.keys(reply.body).length, 3)
  const otp = await codeMailedTo(identity, NEW)
  t.notOk(JSON.stringify([reply.text, reply.headers]).includes(otp), 'the code leaves by mail alone')
  const [notice] = await identity.mailTo(ADA)
  t.strictSame([...new Set(linksIn(`${notice?.text}`))], [STOP_URL], 'the old address is told where to stop it')
  t.strictSame([...new Set(linksIn(`${notice?.html}`))], [STOP_URL])
  t.notMatch(notice?.text, /[0-9]{6}|new@|as1\./i, 'and is told no code and no address')
  t.equal(await emailOf(identity, token), ADA, 'nothing has changed yet')

  const confirmed = await confirmChange(identity, token, { change_session: reply.body['change_session'], otp })
  t.equal(confirmed.status, 200, confirmed.text)
  t.strictSame(confirmed.body, { email: NEW })
  t.equal(await emailOf(identity, token), NEW)
  const [person] = await ask(
    identity,
    `SELECT version, email_verified_at IS NOT NULL AS proved FROM user_account WHERE email = $1`,
    [NEW],
  )
  t.strictSame(person, { version: 2, proved: true })
  const [undoable] = await identity.mailTo(ADA)
  t.match(undoable?.text, /was|has another email address/)
  t.strictSame([...new Set(linksIn(`${undoable?.text} ${undoable?.html}`))], [STOP_URL])
  t.match(undoable?.text, /7 days/)
  const [confirmation] = await identity.mailTo(NEW)
  t.strictSame(linksIn(`${confirmation?.text} ${confirmation?.html}`), [])

  t.equal((await refresh(identity, phone.body['refresh_token'])).status, 200, 'this session lives')
  t.equal((await refresh(identity, tablet.body['refresh_token'])).body['error'], 'invalid_grant')
  t.equal((await identity.get('/v1/me', tokenOf(tablet))).status, 401)
  t.match((await browser.get(silent)).headers['location'], /error=login_required/, 'the browser is signed off')
  t.equal((await identity.mailTo(ADA)).filter(({ subject }) => /sign-in code/.test(subject)).length, 3)
  await startChallenge(identity, ADA)
  t.equal(
    (await identity.mailTo(ADA)).filter(({ subject }) => /sign-in code/.test(subject)).length,
    3,
    'no code any more',
  )
  t.equal(claimsOf(tokenOf(await signIn(identity, NEW)))['sub'], claimsOf(token)['sub'], 'the same person')

  const events = await ask(
    identity,
    `SELECT kind, outcome, details::text AS details, a::text AS row FROM audit_event a WHERE kind LIKE 'email.%' ORDER BY id`,
  )
  t.strictSame(
    events.map(({ kind, outcome }) => `${kind} ${outcome}`),
    ['email.change_requested success', 'email.changed success'],
  )
  t.notMatch(JSON.stringify(events), /@/, 'no addresses')
})

t.test('an old sign-in, and input that is none, are refused before anything is sent (A90)', async (t) => {
  const identity = await startEmbedded(t)
  const signedIn = await signIn(identity, ADA)
  const token = tokenOf(signedIn)
  const region = tokenOf(await redeem(identity, await authorize(identity, ADA), { resource: IN, org_id: 'acme' }))
  const body = { email: NEW }
  const invalid = { status: 400, error: 'invalid_request' }
  const bad = { status: 401, error: 'invalid_token' }
  await refuses(t, identity, 'a region token', () => requestChange(identity, region, body), bad)
  await refuses(
    t,
    identity,
    'the same address',
    () => requestChange(identity, token, { email: 'ADA@acme.test ' }),
    invalid,
  )
  for (const email of ['', 'nobody', 'a@b', 'a@b.c\n.example', null, 1, ['a@example.test'], { not: '' }]) {
    await refuses(t, identity, JSON.stringify(email), () => requestChange(identity, token, { email }), invalid)
  }
  await refuses(
    t,
    identity,
    'an unknown field',
    () => requestChange(identity, token, { ...body, user_id: 'x' }),
    invalid,
  )
  const asked = await askForChange(identity, ADA, NEW, signedIn)
  for (const otp of [null, 123_456, ['123456'], { not: '' }]) {
    const change = { ...asked.body, otp }
    await refuses(t, identity, JSON.stringify(otp), () => confirmChange(identity, token, change), invalid)
  }
  const key = { 'idempotency-key': '1' }
  await refuses(t, identity, 'a guessable key', () => confirmChange(identity, token, asked.body, key), invalid)

  await shiftClock(identity.db, 601)
  const later = tokenOf(await refresh(identity, signedIn.body['refresh_token']))
  const refused = await refuses(t, identity, 'a sign-in of 601 s ago', () => requestChange(identity, later, body), {
    status: 401,
    error: 'insufficient_user_authentication',
  })
  t.match(refused.headers['www-authenticate'], /^Bearer error="insufficient_user_authentication".*max_age="600"/)
  const confirmed = await confirmChange(identity, later, asked.body)
  t.equal(confirmed.status, 200, 'what was asked for in time may be confirmed')
})

t.test('five wrong codes end a change, and each is counted', async (t) => {
  const identity = await startEmbedded(t)
  const { token, body } = await askForChange(identity, ADA, NEW)
  const texts = new Set<string>()
  for (let n = 1; n <= 5; n += 1) {
    const wrong = { ...body, otp: wrongCode(body.otp) }
    const reply = await refuses(t, identity, `${n}`, () => confirmChange(identity, token, wrong), WRONG_CODE)
    texts.add(reply.text.replace(/"request_id":"[^"]*"/, ''))
    t.strictSame(await attemptsOf(identity), { attempts: n })
  }
  const late = await refuses(t, identity, 'the right one', () => confirmChange(identity, token, body), WRONG_CODE)
  texts.add(late.text.replace(/"request_id":"[^"]*"/, ''))
  t.equal(texts.size, 1, 'one body for all')
  t.match(await ask(identity, `SELECT DISTINCT outcome FROM audit_event WHERE kind = 'email.change_refused'`), [
    { outcome: 'refused' },
  ])
  const again = await askForChange(identity, ADA, NEW, await signIn(identity, ADA))
  for (let n = 1; n <= 4; n += 1)
    await confirmChange(identity, again.token, { ...again.body, otp: wrongCode(again.body.otp) })
  const spaced = `${again.body.otp.slice(0, 3)} ${again.body.otp.slice(3)}`
  t.equal(
    (await confirmChange(identity, again.token, { ...again.body, otp: spaced })).status,
    200,
    'the fifth may be right',
  )
})

t.test('a change belongs to its person and session, and its code is good for nothing else', async (t) => {
  const identity = await startEmbedded(t)
  const [elsewhere, lin] = [await signIn(identity, ADA), await signIn(identity, LIN)]
  const { token, body } = await askForChange(identity, ADA, NEW)
  const foreign = (by: string) => () => confirmChange(identity, by, body)
  await refuses(t, identity, "another person's", foreign(tokenOf(lin)), WRONG_CODE)
  await refuses(t, identity, 'another session of theirs', foreign(tokenOf(elsewhere)), WRONG_CODE)
  for (const session of ['', 'as1.o1.', `as1.xx.${'A'.repeat(43)}`, `as1.o1.${'A'.repeat(43)}`]) {
    const change = { ...body, change_session: session }
    await refuses(t, identity, `the handle ${session}`, () => confirmChange(identity, token, change), WRONG_CODE)
  }
  for (const otp of ['', '000000', '１２３４５６', '12345', 'abcdef']) {
    const change = { ...body, change_session: `as1.o1.${'B'.repeat(43)}`, otp }
    await refuses(t, identity, `the code ${otp}`, () => confirmChange(identity, token, change), WRONG_CODE)
  }
  const asSignIn = { client_id: 'native', auth_session: body.change_session, otp: body.otp }
  await refuses(t, identity, 'to sign in with', () => identity.post('/oauth/challenge', asSignIn), WRONG_CODE)
  t.strictSame(await attemptsOf(identity), { attempts: 0 }, 'none of them spent an attempt')
  const { authSession } = await startChallenge(identity, ADA)
  const signInCode = { change_session: authSession, otp: await codeMailedTo(identity, ADA) }
  await refuses(t, identity, 'a sign-in code', () => confirmChange(identity, token, signInCode), WRONG_CODE)
  t.equal((await confirmChange(identity, token, body)).status, 200)
})

t.test('a lost answer is given again to the same request with its key, and to no other', async (t) => {
  const identity = await startEmbedded(t)
  const { token, body } = await askForChange(identity, ADA, NEW)
  const headers = { 'idempotency-key': idempotencyKey() }
  t.equal((await confirmChange(identity, token, body, headers)).status, 200)
  const before = await readState(identity)
  const again = await confirmChange(identity, token, body, headers)
  t.match(again, { status: 200, body: { email: NEW } })
  t.strictSame(await readState(identity), before, 'and nothing happens a second time')
  const otherKey = { 'idempotency-key': idempotencyKey() }
  await refuses(t, identity, 'without it', () => confirmChange(identity, token, body), WRONG_CODE)
  await refuses(t, identity, 'another key', () => confirmChange(identity, token, body, otherKey), WRONG_CODE)
  const wrong = { ...body, otp: wrongCode(body.otp) }
  await refuses(t, identity, 'another code', () => confirmChange(identity, token, wrong, headers), WRONG_CODE)
  t.equal(await emailOf(identity, token), NEW)
})

t.test('codes that were mailed for a sign-in before the change are void (A23)', async (t) => {
  const identity = await startEmbedded(t)
  const before = await startChallenge(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  const asked = await askForChange(identity, 'lin@acme.test', NEW)
  await startChallenge(identity, NEW)
  await startChallenge(identity, LIN)
  const linOtp = await codeMailedTo(identity, LIN)
  await changeAddress(identity, ADA, 'ada.b@example.test', await signIn(identity, ADA))
  const stale = { client_id: 'native', auth_session: before.authSession, otp }
  await refuses(t, identity, 'the old address', () => identity.post('/oauth/challenge', stale), WRONG_CODE)
  t.equal((await confirmChange(identity, asked.token, asked.body)).status, 200)
  const live = await ask(
    identity,
    `SELECT count(*)::int AS n FROM contact_budget b JOIN otp_challenge c ON c.id = b.live_challenge_id AND c.purpose = 'sign_in' WHERE c.consumed_at IS NULL`,
  )
  t.strictSame(live, [{ n: 0 }], `no code of either address is live, ${linOtp.length} digits or not`)
  await importPerson(identity, 'zoe@example.test')
})

t.test('an address that somebody took meanwhile is refused, and nothing changes', async (t) => {
  const identity = await startEmbedded(t)
  const { token, body } = await askForChange(identity, ADA, NEW)
  await importPerson(identity, NEW)
  const taken = { status: 409, error: 'email_taken' }
  await refuses(t, identity, 'taken', () => confirmChange(identity, token, body), taken)
  t.equal(await emailOf(identity, token), ADA)
  t.match(await ask(identity, `SELECT outcome FROM audit_event WHERE kind = 'email.change_refused'`), [
    { outcome: 'refused' },
  ])
  // Whose last manager may be locked.
  await ask(identity, `UPDATE organization SET status = 'suspended' WHERE slug = 'acme'`)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = $1`, [ADA])
  await refuses(t, identity, 'a disabled person', () => confirmChange(identity, token, body), {
    status: 401,
    error: 'invalid_token',
  })
})

t.test('a code expires, and with it the change', async (t) => {
  const identity = await startEmbedded(t)
  const signedIn = await signIn(identity, ADA)
  const { body } = await askForChange(identity, ADA, NEW, signedIn)
  await shiftClock(identity.db, 901)
  const later = tokenOf(await refresh(identity, signedIn.body['refresh_token']))
  await refuses(t, identity, 'after 901 s', () => confirmChange(identity, later, body), WRONG_CODE)
})

t.test('a change is forgotten 30 days after it could be undone', async (t) => {
  const identity = await startEmbedded(t)
  await changeAddress(identity, ADA, NEW)
  await askForChange(identity, LIN, 'lin.new@example.test')
  const left = async (days: number) => {
    await shiftClock(identity.db, days * DAY)
    await purgeExpired(identity.db)
    return (await ask(identity, 'SELECT new_email FROM email_change ORDER BY id')).map(({ new_email: email }) => email)
  }
  t.strictSame(await left(29), [NEW, 'lin.new@example.test'])
  t.strictSame(await left(31), [NEW])
  t.strictSame(await left(36), [NEW])
  t.strictSame(await left(38), [])
})

t.test('an anonymous or ended session changes nothing', async (t) => {
  const identity = await startEmbedded(t)
  const { token, body } = await askForChange(identity, ADA, NEW)
  await identity.inject({
    method: 'POST',
    url: '/v1/me/sessions/revoke',
    headers: bearer(token),
    payload: { which: 'all' },
  })
  await refuses(t, identity, 'over', () => confirmChange(identity, token, body), {
    status: 401,
    error: 'invalid_token',
  })
})
