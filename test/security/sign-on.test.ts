// Sign-on sessions: what a browser's sign-in is worth, how long, and how it ends, also when things happen at once.
import t from 'tap'
import { eachEngine, embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  type HostedBrowser,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  SPA_CALLBACK,
  signInAtPages,
} from '../support/hosted-browser.ts'
import {
  claimsOf,
  codeMailedTo,
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  makeSysAdmin,
  redeem,
  refresh,
  SPA_ORIGIN,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'

const DAY_SECONDS = 86_400

async function signedIn(identity: IdentityUnderTest, email: string): Promise<HostedBrowser> {
  const browser = openBrowser(identity)
  await signInAtPages(identity, browser, email, await follow(browser, await browser.get(authorizationUrl().url)))
  return browser
}

/** What a silent request gets: `code`, or the error. */
async function silently(browser: HostedBrowser, parameters: Record<string, string> = {}): Promise<string> {
  const answer = answerOf(await browser.get(authorizationUrl({ prompt: 'none', ...parameters }).url))
  return answer['code'] === undefined ? (answer['error'] ?? '') : 'code'
}

const nativeRequest = () => authorizationUrl({ client_id: 'native', redirect_uri: 'http://127.0.0.1:4000/callback' })

async function nativeTokens(identity: IdentityUnderTest, browser: HostedBrowser) {
  const asked = nativeRequest()
  const code = answerOf(await browser.get(asked.url))['code'] ?? ''
  const reply = await redeem(
    identity,
    { code, verifier: asked.verifier },
    { redirect_uri: 'http://127.0.0.1:4000/callback' },
  )
  if (reply.status !== 200) throw new Error(reply.text)
  return reply.body
}

/** The database gives up where an event of this kind would be written, until it is allowed again. */
async function refuseAudit(identity: IdentityUnderTest, kind: string): Promise<void> {
  const text = `CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.kind = '${kind}' THEN RAISE EXCEPTION 'busy' USING ERRCODE = '57014'; END IF; RETURN NEW; END $$`
  await identity.db.sql({ name: 'make_refuse_event', text }, [])
  const trigger =
    'CREATE TRIGGER refuse_event BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION refuse_event()'
  await identity.db.sql({ name: 'hang_refuse_event', text: trigger }, [])
}

async function allowAudit(identity: IdentityUnderTest): Promise<void> {
  await identity.db.sql({ name: 'drop_refuse_event', text: 'DROP TRIGGER refuse_event ON audit_event' }, [])
}

t.test('a sign-on ends when it is idle, when it is old, and with its person', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const idle = await signedIn(identity, 'lin@acme.test')
  const active = await signedIn(identity, 'ada@acme.test')
  await shiftClock(identity.db, 29 * DAY_SECONDS)
  t.equal(await silently(active), 'code')
  await shiftClock(identity.db, 30 * DAY_SECONDS + 1)
  t.equal(await silently(idle), 'login_required', 'idle for 30 days')
  t.equal(await silently(active), 'code', 'used meanwhile')
  for (const day of [58, 87]) {
    await shiftClock(identity.db, day * DAY_SECONDS)
    t.equal(await silently(active), 'code', `day ${day}`)
  }
  await shiftClock(identity.db, 90 * DAY_SECONDS + 1)
  t.equal(await silently(active), 'login_required', 'ninety days are the most')
  const sam = await signedIn(identity, 'sam@both.test')
  t.equal(await silently(sam), 'code')
  await identity.db.prisma.userAccount.update({ where: { email: 'sam@both.test' }, data: { status: 'disabled' } })
  t.equal(await silently(sam), 'login_required', 'a disabled person')
})

t.test('a sys-admin has 30 minutes idle and 12 hours in all', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await makeSysAdmin(identity)
  const browser = await signedIn(identity, 'root@example.test')
  t.equal(await silently(browser), 'code')
  await shiftClock(identity.db, 1799)
  t.equal(await silently(browser), 'code')
  await shiftClock(identity.db, 1799 + 1801)
  t.equal(await silently(browser), 'login_required')
})

t.test('a sys-admin is signed in for 12 hours in all, however late a client comes (A32)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await makeSysAdmin(identity)
  const browser = await signedIn(identity, 'root@example.test')
  const halfHours = async (count: number) => shiftClock(identity.db, count * 1740)
  for (let count = 1; count <= 23; count += 1) {
    await halfHours(count)
    t.equal(await silently(browser), 'code')
  }
  let tokens = await nativeTokens(identity, browser)
  let last = 0
  for (let count = 24; count <= 30; count += 1) {
    await halfHours(count)
    const reply = await refresh(identity, String(tokens['refresh_token']))
    if (reply.status !== 200) break
    tokens = reply.body
    last = count * 1740
  }
  t.ok(last > 0 && last <= 43_200, `the last token came after ${last} s`)
})

t.test('who becomes sys-admin is signed out of every browser', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = await signedIn(identity, 'nobody@example.test')
  t.equal(await silently(browser), 'code')
  await makeSysAdmin(identity, 'nobody@example.test')
  t.equal(await silently(browser), 'login_required')
})

t.test('the first proof of a mailbox ends every earlier session of the account; later ones end nothing', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = await signedIn(identity, 'lin@acme.test')
  const tokens = await nativeTokens(identity, browser)
  await signIn(identity, 'lin@acme.test').catch(() => undefined)
  await shiftClock(identity.db, 100)
  await signIn(identity, 'lin@acme.test')
  t.equal((await identity.get('/v1/me', String(tokens['access_token']))).status, 200, 'it was proved before')
  // Somebody else wrote another address into the account: whoever is signed in never proved that one.
  await identity.db.prisma.userAccount.update({ where: { email: 'lin@acme.test' }, data: { email: 'lin@new.test' } })
  t.equal((await identity.get('/v1/me', String(tokens['access_token']))).status, 200)
  await signIn(identity, 'lin@new.test')
  t.equal((await identity.get('/v1/me', String(tokens['access_token']))).status, 401)
  t.equal(await silently(browser), 'login_required')
})

t.test('a known device has a budget of its own: strangers cannot lock the owner out (A17, P12)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const owner = await signedIn(identity, 'lin@acme.test')
  await shiftClock(identity.db, DAY_SECONDS * 2)
  const at = async (minutes: number) => shiftClock(identity.db, DAY_SECONDS * 2 + minutes * 60)
  for (let round = 0; round < 10; round += 1) {
    await at(round * 15)
    const { authSession } = await startChallenge(identity, 'lin@acme.test')
    for (let guess = 0; guess < 5; guess += 1) {
      await identity.post('/oauth/challenge', { client_id: 'native', auth_session: authSession, otp: `00000${guess}` })
    }
  }
  await at(151)
  const before = (await identity.mailTo('lin@acme.test')).length
  await startChallenge(identity, 'lin@acme.test')
  t.equal((await identity.mailTo('lin@acme.test')).length, before, "the strangers' budget is spent")
  const page = await follow(owner, await owner.get(authorizationUrl({ prompt: 'login' }).url))
  const codeUrl = locationOf(
    await owner.post('/sign-in', { ...hiddenFieldsOf(page, '/sign-in'), email: 'lin@acme.test' }),
  )
  t.equal((await identity.mailTo('lin@acme.test')).length, before + 1, 'the owner gets a code')
  const otp = await codeMailedTo(identity, 'lin@acme.test')
  await at(155)
  await startChallenge(identity, 'lin@acme.test')
  const fields = hiddenFieldsOf(await owner.get(codeUrl), '/sign-in/code')
  t.equal(
    (await owner.post('/sign-in/code', { ...fields, otp })).status,
    303,
    'and a stranger who starts again does not end it',
  )
  const foreign = await follow(owner, await owner.get(authorizationUrl({ prompt: 'login' }).url))
  await owner.post('/sign-in', { ...hiddenFieldsOf(foreign, '/sign-in'), email: 'ada@acme.test' })
  t.equal((await identity.mailTo('ada@acme.test')).length, 1)
  await startChallenge(identity, 'ada@acme.test')
  t.equal((await identity.mailTo('ada@acme.test')).length, 1, 'a device is known for its own contact alone')
})

t.test('a new sign-in raises new tokens, and none that was minted before it (RFC 9470)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = await signedIn(identity, 'lin@acme.test')
  await nativeTokens(identity, browser)
  await shiftClock(identity.db, 700)
  const before = await nativeTokens(identity, browser)
  const endOthers = (token: unknown) =>
    identity.inject({
      method: 'POST',
      url: '/v1/me/sessions/revoke',
      headers: { authorization: `Bearer ${token}` },
      payload: { which: 'others' },
    })
  t.equal((await endOthers(before['access_token'])).body['code'], 'insufficient_user_authentication')
  const page = await follow(browser, await browser.get(authorizationUrl({ max_age: '600' }).url))
  await signInAtPages(identity, browser, 'lin@acme.test', page)
  const after = await nativeTokens(identity, browser)
  t.not(claimsOf(after['access_token'])['sid'], claimsOf(before['access_token'])['sid'], 'a session for each sign-in')
  t.equal(
    (await endOthers(before['access_token'])).body['code'],
    'insufficient_user_authentication',
    'whoever holds an older token of the session has not signed in',
  )
  const signInOf = (token: unknown) => claimsOf(token)['auth_time']
  const old = signInOf(before['access_token'])
  const refreshed = await refresh(identity, String(before['refresh_token']))
  t.equal(signInOf(refreshed.body['access_token']), old, 'nor has whoever holds its refresh token')
  const region = { resource: IN, org_id: 'acme' }
  const exchanged = await exchange(identity, String(before['access_token']), region)
  t.equal(signInOf(exchanged.body['access_token']), old, 'nor is it lifted by an exchange')
  const done = await endOthers(after['access_token'])
  t.ok(done.status < 300, done.text)
})

t.test('a region client signs a person in for its own region and the chosen organization', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const region = { client_id: 'region-in', redirect_uri: `${IN}/callback` }
  const browser = openBrowser(identity)
  const asked = authorizationUrl(region)
  const back = await signInAtPages(
    identity,
    browser,
    'sam@both.test',
    await follow(browser, await browser.get(asked.url)),
  )
  t.ok(answerOf(back)['code'], 'there is one organization in India: nothing is asked')
  const max = openBrowser(identity)
  const page = await signInAtPages(
    identity,
    max,
    'max@globex.test',
    await follow(max, await max.get(authorizationUrl(region).url)),
  )
  t.equal(page.status, 200, 'nothing in India for max')
  t.match(page.text, /max@globex\.test/)
  t.equal(await silently(max, region), 'invalid_target')
  for (const org_id of ['globex', 'no-such-org']) {
    t.equal(await silently(browser, { ...region, org_id }), 'invalid_target', org_id)
  }
  t.equal(await silently(browser, { ...region, org_id: 'acme' }), 'code')
})

t.test('an answer that comes late displaces no newer refresh cookie', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const asked = authorizationUrl()
  const back = await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(asked.url)),
  )
  const headers = () => ({ origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() })
  const redeemed = await browser.post(
    '/oauth/token',
    {
      grant_type: 'authorization_code',
      client_id: 'spa',
      code: answerOf(back)['code'] ?? '',
      code_verifier: asked.verifier,
      redirect_uri: SPA_CALLBACK,
    },
    headers(),
  )
  t.equal(redeemed.status, 200, redeemed.text)
  const refresh = () => browser.post('/oauth/token', { grant_type: 'refresh_token', client_id: 'spa' }, headers())
  for (let round = 0; round < 3; round += 1) {
    const earlier = new Map(browser.cookies)
    const first = await refresh()
    const answered = new Map(browser.cookies)
    const second = await refresh()
    t.equal(first.status, 200, first.text)
    t.equal(second.status, 200, second.text)
    // The first answer's cookie arrives after the second's.
    for (const [name, value] of answered) if (earlier.get(name) !== value) browser.cookies.set(name, value)
    await shiftClock(identity.db, (round + 1) * 600)
    const next = await refresh()
    t.equal(next.status, 200, `round ${round}: ${next.text}`)
  }
})

t.test('a new sign-in is what counts, whatever an older one left in the browser', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const headers = () => ({ origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() })
  const signInAs = async (email: string) => {
    const asked = authorizationUrl({ prompt: 'login' })
    const back = await signInAtPages(identity, browser, email, await follow(browser, await browser.get(asked.url)))
    const form = {
      grant_type: 'authorization_code',
      client_id: 'spa',
      code: answerOf(back)['code'] ?? '',
      code_verifier: asked.verifier,
      redirect_uri: SPA_CALLBACK,
    }
    t.equal((await browser.post('/oauth/token', form, headers())).status, 200)
  }
  const refresh = () => browser.post('/oauth/token', { grant_type: 'refresh_token', client_id: 'spa' }, headers())
  await signInAs('lin@acme.test')
  for (let count = 0; count < 3; count += 1) await refresh()
  await signInAs('max@globex.test')
  const reply = await refresh()
  const me = await identity.get('/v1/me', String(reply.body['access_token']))
  t.equal(me.body['user'].email, 'max@globex.test')
})

await onPostgresql(t, 'signing out and signing on at the same time leave nothing alive', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2 })
  const [first, second] = identity.instances as [(typeof identity.instances)[0], (typeof identity.instances)[0]]
  for (let round = 0; round < 12; round += 1) {
    await shiftClock(identity.db, round * 10_000)
    const browser = await signedIn(identity, 'lin@acme.test')
    const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
    const page = await browser.get('/oauth/logout')
    const fields = { ...hiddenFieldsOf(page, '/oauth/logout'), confirm: 'this' }
    const asks = Array.from({ length: 8 }, () => nativeRequest())
    const [, ...answers] = await Promise.all([
      second.inject({
        method: 'POST',
        url: '/oauth/logout',
        payload: new URLSearchParams(fields).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', cookie },
      }),
      ...asks.map(({ url }) => first.inject({ method: 'GET', url, headers: { cookie } })),
    ])
    for (const [index, answer] of answers.entries()) {
      t.equal(answer.status, 303, answer.text)
      if (!locationOf(answer).includes('code=')) continue
      const code = answerOf(answer)['code'] ?? ''
      const redeemed = await redeem(
        first,
        { code, verifier: asks[index]?.verifier ?? '' },
        { redirect_uri: 'http://127.0.0.1:4000/callback' },
      )
      t.equal(redeemed.body['error'], 'invalid_grant', 'a code that was given meanwhile opens nothing')
    }
    const [live] = await identity.db.sql(
      { name: 'count_live_sessions', text: 'SELECT count(*)::integer AS n FROM session WHERE revoked_at IS NULL' },
      [],
    )
    t.equal(live?.['n'], 0)
  }
})

await eachEngine(t, 'many silent requests at once share one session of their client', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'), { instances: 2 })
  const browser = await signedIn(identity, 'lin@acme.test')
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_value, index) =>
      identity.instances[index % 2]?.inject({ method: 'GET', url: nativeRequest().url, headers: { cookie } }),
    ),
  )
  const codes = answers.map((reply) => (reply === undefined ? '' : answerOf(reply)['code']))
  t.equal(new Set(codes).size, 20, 'each gets a code of its own')
  const [row] = await identity.db.sql(
    { name: 'count_native_sessions', text: "SELECT count(*)::integer AS n FROM session WHERE client_id = 'native'" },
    [],
  )
  t.equal(row?.['n'], 1)
  t.equal((await exchange(identity, 'x')).status, 400)
})

t.test('signing out everywhere is done whole or asked for again', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const here = await signedIn(identity, 'lin@acme.test')
  await shiftClock(identity.db, 100)
  const there = await signedIn(identity, 'lin@acme.test')
  const page = await here.get('/oauth/logout')
  const fields = { ...hiddenFieldsOf(page, '/oauth/logout'), confirm: 'all' }
  await refuseAudit(identity, 'session.all_revoked')
  t.ok((await here.post('/oauth/logout', fields)).status >= 500)
  t.equal(await silently(here), 'code', 'nothing was ended')
  await allowAudit(identity)
  t.equal((await here.post('/oauth/logout', fields)).status, 200)
  t.equal(await silently(here), 'login_required')
  t.equal(await silently(there), 'login_required')
})

t.test('a form of another site signs nobody out (A38)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const cookieless = openBrowser(identity)
  for (const form of [{}, { client_id: 'spa', post_logout_redirect_uri: `${SPA_ORIGIN}/` }]) {
    const reply = await cookieless.post('/oauth/logout', form, { origin: 'https://evil.test' })
    t.equal(reply.status, 303)
    t.match(locationOf(reply), /^\/oauth\/logout\?/, 'only a navigation, which brings the cookie, is answered')
    t.notOk(reply.headers['set-cookie'] ?? reply.headers['clear-site-data'])
  }
})

t.test('a sign-out that failed leaves the browser what it asks again with (A13)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const asked = authorizationUrl()
  const page = await follow(browser, await browser.get(asked.url))
  const code = answerOf(await signInAtPages(identity, browser, 'lin@acme.test', page))['code'] ?? ''
  const headers = () => ({ origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() })
  const form = { grant_type: 'authorization_code', client_id: 'spa', code, code_verifier: asked.verifier }
  const tokens = await browser.post('/oauth/token', { ...form, redirect_uri: SPA_CALLBACK }, headers())
  await refuseAudit(identity, 'session.revoked')
  const failed = await browser.post('/oauth/revoke', { client_id: 'spa' }, headers())
  t.ok(failed.status >= 500)
  t.notOk(failed.headers['set-cookie'])
  await allowAudit(identity)
  const done = await browser.post('/oauth/revoke', { client_id: 'spa' }, headers())
  t.equal(done.status, 200)
  t.equal((await identity.get('/v1/me', String(tokens.body['access_token']))).status, 401)
})
