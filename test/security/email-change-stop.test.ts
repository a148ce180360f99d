// SECURITY 1.9 (A90) and A24 at the pages that stop a change of address: whoever has the old mailbox can stop or undo
// it without a sign-in, nobody else learns or does anything there, and nobody else gets the old address meanwhile.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import {
  ADA,
  askForChange,
  askToStop,
  changeAddress,
  confirmChange,
  importPerson,
  LIN,
  NEW,
  outcomeOf,
  STOP,
  STOP_CODE,
  startEmbedded,
  stopChange,
  tokenOf,
  WRONG_CODE,
  wrongCode,
} from '../support/email-change.ts'
import {
  authorizationUrl,
  follow,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  signInAtPages,
} from '../support/hosted-browser.ts'
import { claimsOf, codeMailedTo, type IdentityUnderTest, refresh, signIn } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { readState, refuses } from '../support/refusal.ts'

t.setTimeout(120_000)

const emailOf = async (identity: IdentityUnderTest, id: unknown) =>
  (await ask(identity, 'SELECT email FROM user_account WHERE id = $1::uuid', [id]))[0]?.['email']
const subOf = (token: string) => claimsOf(token)['sub']
const mailsTo = async (identity: IdentityUnderTest, address: string) => (await identity.mailTo(address)).length

t.test('an open change is stopped from the old address, and its code is void', async (t) => {
  const identity = await startEmbedded(t)
  const { token, body } = await askForChange(identity, ADA, NEW)
  const before = await readState(identity)
  const { browser, page, fields } = await askToStop(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  t.equal(page.status, 200)
  t.notOk(page.text.includes(otp), 'the code leaves by mail alone')
  await browser.get(`${STOP_CODE}?flow=${fields['flow']}&otp=${otp}`)
  const looked = await readState(identity)
  t.equal(looked['person'], before['person'], 'looking changes nothing (A24)')
  const again = await browser.get(`${STOP_CODE}?flow=${fields['flow']}`)
  t.equal(again.status, 200, 'the code is still asked for')
  const done = await browser.post(STOP_CODE, { ...fields, otp })
  t.equal(done.status, 200)
  t.equal(outcomeOf(done), 'stopped')
  await refuses(t, identity, 'the code to the new address', () => confirmChange(identity, token, body), WRONG_CODE)
  t.equal(await emailOf(identity, subOf(token)), ADA)
  t.equal((await identity.get('/v1/me', token)).status, 200, 'sessions live')
  t.equal(outcomeOf(await browser.post(STOP_CODE, { ...fields, otp })), 'stopped', 'a second press tells the same')
  await shiftClock(identity.db, 61)
  t.equal((await browser.post(STOP_CODE, { ...fields, otp })).status, 400, 'for a minute')
  t.equal((await browser.get(`${STOP_CODE}?flow=${fields['flow']}`)).status, 400)
  t.equal(
    (await changeAddress(identity, ADA, NEW, await signIn(identity, ADA))).body.otp.length,
    6,
    'a new one is free',
  )
})

t.test('a committed change is undone from the old address, with every sign-in', async (t) => {
  const identity = await startEmbedded(t)
  const attacker = await signIn(identity, ADA)
  await changeAddress(identity, ADA, NEW, attacker)
  const browser = openBrowser(identity)
  const signInPage = `/sign-in?${authorizationUrl().url.split('?')[1]}`
  await signInAtPages(identity, browser, NEW, await browser.get(signInPage))
  const person = subOf(tokenOf(attacker))
  const done = await stopChange(identity, ADA)
  t.equal(outcomeOf(done), 'undone')
  t.equal(await emailOf(identity, person), ADA)
  t.equal((await identity.get('/v1/me', tokenOf(attacker))).status, 401)
  t.equal((await refresh(identity, attacker.body['refresh_token'])).body['error'], 'invalid_grant')
  t.match(locationOf(await browser.get(authorizationUrl({ prompt: 'none' }).url)), /error=login_required/)
  for (const address of [ADA, NEW]) t.match((await identity.mailTo(address))[0]?.subject, /was undone/, address)
  t.equal(subOf(tokenOf(await signIn(identity, ADA))), person, 'the old address signs in')
  const events = await ask(
    identity,
    `SELECT kind, a::text AS row FROM audit_event a WHERE kind LIKE 'email.%' ORDER BY id`,
  )
  t.strictSame(
    events.map(({ kind }) => kind),
    ['email.change_requested', 'email.changed', 'email.change_undone'],
  )
  t.notMatch(JSON.stringify(events), /@/, 'no addresses')
  const [proved] = await ask(
    identity,
    `SELECT email_verified_at IS NOT NULL AS proved, version FROM user_account WHERE email = $1`,
    [ADA],
  )
  t.strictSame(proved, { proved: true, version: 3 })
  await importPerson(identity, NEW)
  t.not(await emailOf(identity, person), NEW, 'the other address is free for others')
})

t.test('an account that was moved on twice comes back all the same', async (t) => {
  const identity = await startEmbedded(t)
  const attacker = await signIn(identity, ADA)
  await changeAddress(identity, ADA, 'b@evil.test', attacker)
  await changeAddress(identity, 'b@evil.test', 'c@evil.test', attacker)
  const pending = await askForChange(identity, 'c@evil.test', 'd@evil.test', attacker)
  t.equal(outcomeOf(await stopChange(identity, ADA)), 'undone')
  t.equal(await emailOf(identity, subOf(tokenOf(attacker))), ADA)
  const mails = await mailsTo(identity, 'b@evil.test')
  await askToStop(identity, 'b@evil.test')
  t.equal(await mailsTo(identity, 'b@evil.test'), mails, 'from an address in between there is nothing to undo')
  const bad = { status: 401, error: 'invalid_token' }
  await refuses(t, identity, 'nor to confirm', () => confirmChange(identity, pending.token, pending.body), bad)
  const open = await ask(identity, 'SELECT count(*)::int AS n FROM email_change WHERE stopped_at IS NULL')
  t.strictSame(open, [{ n: 0 }])
})

t.test('going back to the own address by a change leaves nothing to undo from it', async (t) => {
  const identity = await startEmbedded(t)
  const session = await signIn(identity, ADA)
  await changeAddress(identity, ADA, NEW, session)
  await changeAddress(identity, NEW, ADA, session)
  const mails = await mailsTo(identity, ADA)
  await askToStop(identity, ADA)
  t.equal(await mailsTo(identity, ADA), mails)
  t.equal(outcomeOf(await stopChange(identity, NEW)), 'undone', 'from the other one there is')
  t.equal(await emailOf(identity, subOf(tokenOf(session))), NEW)
})

t.test('an address without a change is answered and written like any other (1.13)', async (t) => {
  const identity = await startEmbedded(t)
  await askForChange(identity, ADA, NEW)
  await changeAddress(identity, 'sam@both.test', 'sam.new@both.test')
  const counted = `SELECT (SELECT count(*) FROM otp_challenge)::int AS challenges, (SELECT count(*) FROM mail_outbox)::int AS mails,
    (SELECT count(*) FROM contact_budget)::int AS budgets, (SELECT count(*) FROM audit_event)::int AS events,
    (SELECT max(length(interaction)) FROM otp_challenge) AS size`
  const seen: unknown[] = []
  const cases = { [ADA]: 1, 'sam@both.test': 1, [LIN]: 0, 'no@body.test': 0, [NEW]: 0 }
  for (const [email, expected] of Object.entries(cases)) {
    const browser = openBrowser(identity)
    const form = hiddenFieldsOf(await browser.get(STOP), STOP)
    const mails = await mailsTo(identity, email)
    const [before] = await ask(identity, counted)
    const reply = await browser.post(STOP, { ...form, email })
    const [after] = await ask(identity, counted)
    const added = ['challenges', 'mails', 'budgets', 'events'].map(
      (name) => Number(after?.[name]) - Number(before?.[name]),
    )
    const page = await follow(browser, reply)
    const text = page.text
      .replaceAll(email, 'EMAIL')
      .replaceAll(/as1\.o1\.[\w-]{43}/g, 'HANDLE')
      .replaceAll(/name="csrf" value="[^"]*"/g, '')
    seen.push({
      status: reply.status,
      location: locationOf(reply).replace(/as1\.o1\.[\w-]{43}/, 'HANDLE'),
      added,
      text,
    })
    t.equal((await mailsTo(identity, email)) - mails, expected, `${email}: mails`)
  }
  for (const [index, one] of seen.entries()) t.strictSame(one, seen[0], Object.keys(cases)[index] ?? '')
  const browser = openBrowser(identity)
  const form = hiddenFieldsOf(await browser.get(STOP), STOP)
  const refused = await browser.post(STOP, { ...form, email: 'nobody' })
  t.equal(refused.status, 400)
  t.match(refused.text, /not a complete email address/)
})

t.test('a code is good in the browser that asked, by our own form, five times, and for this alone', async (t) => {
  const identity = await startEmbedded(t)
  const { token } = await askForChange(identity, ADA, NEW)
  const { browser, fields } = await askToStop(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  const stranger = openBrowser(identity)
  const own = hiddenFieldsOf(await stranger.get(STOP), STOP)
  const { csrf: _csrf, ...bare } = fields
  const unchanged = async (title: string, status: number, send: () => Promise<{ status: number }>) => {
    const before = await readState(identity)
    t.equal((await send()).status, status, title)
    t.strictSame(await readState(identity), before, `${title}: changes nothing`)
  }
  await unchanged('another browser', 403, () => stranger.post(STOP_CODE, { ...fields, ...own, otp }))
  await unchanged("another browser's form", 403, () => stranger.post(STOP_CODE, { ...fields, otp }))
  await unchanged('no CSRF token', 400, () => browser.post(STOP_CODE, { ...bare, otp }))
  await unchanged('a wrong CSRF token', 403, () => browser.post(STOP_CODE, { ...fields, csrf: own['csrf'] ?? '', otp }))
  await unchanged('another site', 403, () =>
    browser.post(STOP_CODE, { ...fields, otp }, { 'sec-fetch-site': 'cross-site' }),
  )
  await unchanged('another origin', 403, () =>
    browser.post(STOP_CODE, { ...fields, otp }, { origin: 'https://evil.example' }),
  )
  await unchanged('an address by another site', 403, () => browser.post(STOP, { ...own, email: ADA }))
  await unchanged('no cookie', 403, () => openBrowser(identity).get(`${STOP_CODE}?flow=${fields['flow']}`))
  await unchanged('at the sign-in pages', 403, () => browser.get(`/sign-in/code?flow=${fields['flow']}`))
  await unchanged('at the sign-in form', 403, () => browser.post('/sign-in/code', { ...fields, otp }))
  const signInPage = await browser.get(`/sign-in?${authorizationUrl().url.split('?')[1]}`)
  const codePage = await follow(
    browser,
    await browser.post('/sign-in', { ...hiddenFieldsOf(signInPage, '/sign-in'), email: ADA }),
  )
  const signInFlow = hiddenFieldsOf(codePage, '/sign-in/code')
  await unchanged('with a sign-in flow', 403, () => browser.post(STOP_CODE, { ...signInFlow, otp }))
  for (let n = 1; n <= 5; n += 1)
    await unchanged(`wrong ${n}`, 400, () => browser.post(STOP_CODE, { ...fields, otp: wrongCode(otp) }))
  await unchanged('the right one comes too late', 400, () => browser.post(STOP_CODE, { ...fields, otp }))
  t.equal((await ask(identity, 'SELECT 1 AS one FROM email_change WHERE stopped_at IS NULL')).length, 1)
  t.equal((await identity.get('/v1/me', token)).status, 200)
})

t.test('strangers cannot use up the codes of a browser that the owner has signed in with', async (t) => {
  const identity = await startEmbedded(t, { settings: { otpSendsPerHour: 3 } })
  const known = openBrowser(identity)
  await signInAtPages(identity, known, ADA, await known.get(`/sign-in?${authorizationUrl().url.split('?')[1]}`))
  await changeAddress(identity, ADA, NEW)
  const mails = await mailsTo(identity, ADA)
  for (let n = 0; n < 5; n += 1) await askToStop(identity, ADA)
  t.equal((await mailsTo(identity, ADA)) - mails, 3, 'an hour has three for strangers')
  const { fields } = await askToStop(identity, ADA, known)
  t.equal((await mailsTo(identity, ADA)) - mails, 4, 'and others for the owner')
  const [mail] = await identity.mailTo(ADA)
  const otp = /\b[0-9]{6}\b/.exec(mail?.text ?? '')?.[0] ?? ''
  t.equal(outcomeOf(await known.post(STOP_CODE, { ...fields, otp })), 'undone')
})

t.test('another code is asked for with the flow, which stays until one is due', async (t) => {
  const identity = await startEmbedded(t, { settings: { otpResendSeconds: 60 } })
  await askForChange(identity, ADA, NEW)
  await shiftClock(identity.db, 61)
  const { browser, page, fields } = await askToStop(identity, ADA)
  const otp = await codeMailedTo(identity, ADA)
  const resend = hiddenFieldsOf({ ...page, text: page.text.slice(page.text.indexOf('class="resend"') - 6) }, STOP)
  t.equal(resend['email'], ADA)
  t.equal(
    locationOf(await browser.post(STOP, resend)),
    `${STOP_CODE}?flow=${fields['flow']}`,
    'too soon: the same flow',
  )
  t.equal(outcomeOf(await browser.post(STOP_CODE, { ...fields, otp })), 'stopped', 'whose code is good')
})
