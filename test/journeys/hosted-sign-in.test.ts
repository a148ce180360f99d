// Signing in at the hosted pages, as a browser without script does it.

import t from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  SPA_CALLBACK,
  signInAtPages,
} from '../support/hosted-browser.ts'
import { claimsOf, ISSUER, idempotencyKey, redeem, SPA_ORIGIN, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { hearOfRegions, sendReport } from '../support/region-reports.ts'

const spaHeaders = () => ({ origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() })
const redeemAtSpa = (identity: Parameters<typeof redeem>[0], code: string, verifier: string) =>
  redeem(identity, { code, verifier }, { client_id: 'spa', redirect_uri: SPA_CALLBACK }, spaHeaders())

t.test('a person signs in at the pages and comes back with a code, state and iss', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const asked = authorizationUrl({ nonce: 'n-0S6_WzA2Mj' })
  const page = await follow(browser, await browser.get(asked.url))
  t.equal(page.status, 200, page.text)
  t.match(page.text, /Browser app/)
  const back = await signInAtPages(identity, browser, 'lin@acme.test', page)
  t.equal(back.status, 303, back.text)
  t.ok(locationOf(back).startsWith(`${SPA_CALLBACK}?`))
  const answer = answerOf(back)
  t.strictSame(Object.keys(answer).sort(), ['code', 'iss', 'state'])
  t.equal(answer['iss'], ISSUER)
  t.equal(answer['state'], asked.state)
  const tokens = await redeemAtSpa(identity, answer['code'] ?? '', asked.verifier)
  t.equal(tokens.status, 200, tokens.text)
  const idToken = claimsOf(tokens.body['id_token'])
  t.equal(idToken['nonce'], 'n-0S6_WzA2Mj')
  t.equal(idToken['acr'], 'urn:meridian:acr:mailbox')
  t.notOk('refresh_token' in tokens.body)
})

t.test('a second client in the same browser needs no second sign-in', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(authorizationUrl().url)),
  )
  const standard = { client_id: 'spa-standard', redirect_uri: 'https://standard.example.test/callback' }
  const back = await browser.get(authorizationUrl({ ...standard, prompt: 'none' }).url)
  t.ok(answerOf(back)['code'], locationOf(back))
  const fresh = await openBrowser(identity).get(authorizationUrl({ ...standard, prompt: 'none' }).url)
  t.equal(answerOf(fresh)['error'], 'login_required')
})

t.test('a region that cannot be reached is shown, and not chosen', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await sendReport(identity, 'in')
  const browser = openBrowser(identity)
  const asked = authorizationUrl()
  const first = await follow(browser, await browser.get(asked.url))
  const choice = await signInAtPages(identity, browser, 'sam@both.test', first)
  const closed = /<button class="choice" name="context" value="(\S+ us)" disabled>.*Region temporarily unavailable/
  t.match(choice.text, closed)
  t.equal(choice.text.match(/Region temporarily unavailable/g)?.length, 1, 'the other one can be chosen')
  const fields = hiddenFieldsOf(choice, '/sign-in/context')
  const refused = await browser.post('/sign-in/context', { ...fields, context: closed.exec(choice.text)?.[1] ?? '' })
  t.equal(refused.status, 303)
  const again = await follow(browser, refused)
  t.match(again.text, closed, 'whoever chooses it all the same is asked again')
  t.strictSame(await ask(identity, 'SELECT 1 AS one FROM client_context'), [])
  await sendReport(identity, 'us')
  const back = await browser.post('/sign-in/context', { ...fields, context: closed.exec(choice.text)?.[1] ?? '' })
  t.ok(answerOf(await follow(browser, back))['code'], 'and may, once it is back')
})

t.test('a person with several places chooses one, which is remembered', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  await hearOfRegions(identity)
  const asked = authorizationUrl()
  const choice = await signInAtPages(
    identity,
    browser,
    'sam@both.test',
    await follow(browser, await browser.get(asked.url)),
  )
  t.equal(choice.status, 200, choice.text)
  t.match(choice.text, /Acme/)
  t.match(choice.text, /Globex/)
  const values = [...choice.text.matchAll(/name="context" value="([^"]+)"/g)].map(([, value = '']) => value)
  t.equal(values.length, 2)
  const us = values.find((value) => value.endsWith(' us')) ?? ''
  const fields = hiddenFieldsOf(choice, '/sign-in/context')
  const back = await follow(browser, await browser.post('/sign-in/context', { ...fields, context: us }))
  const tokens = await redeemAtSpa(identity, answerOf(back)['code'] ?? '', asked.verifier)
  t.strictSame(tokens.body['context'], { org: us.split(' ')[0], region: 'us' })
  const again = await browser.get(authorizationUrl().url)
  t.ok(answerOf(again)['code'], 'the second time nothing is asked')
})

t.test('a person without memberships is told so, and may go on', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const asked = authorizationUrl()
  const page = await signInAtPages(
    identity,
    browser,
    'nobody@example.test',
    await follow(browser, await browser.get(asked.url)),
  )
  t.equal(page.status, 200)
  t.match(page.text, /nobody@example\.test/)
  const href = /href="(\/oauth\/authorize[^"]+)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&') ?? ''
  const tokens = await redeemAtSpa(identity, answerOf(await browser.get(href))['code'] ?? '', asked.verifier)
  t.equal(tokens.body['context'], null)
})

t.test('max_age and prompt=login ask for a new sign-in, which shows in auth_time', async (t) => {
  const place = await embeddedPlace('identity')
  const identity = await startIdentity(t, place)
  const browser = openBrowser(identity)
  const first = authorizationUrl()
  const back = await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(first.url)),
  )
  const before = claimsOf((await redeemAtSpa(identity, answerOf(back)['code'] ?? '', first.verifier)).body['id_token'])
  await shiftClock(identity.db, 100)
  t.equal(
    answerOf(await browser.get(authorizationUrl({ max_age: '60', prompt: 'none' }).url))['error'],
    'login_required',
  )
  t.ok(answerOf(await browser.get(authorizationUrl({ max_age: '1000' }).url))['code'])
  let shifted = 100
  for (const parameters of [{ max_age: '60' }, { prompt: 'login' }, { max_age: '0' }]) {
    shifted += 100
    await shiftClock(identity.db, shifted)
    const asked = authorizationUrl(parameters)
    const page = await follow(browser, await browser.get(asked.url))
    const again = await signInAtPages(identity, browser, 'lin@acme.test', page)
    const tokens = await redeemAtSpa(identity, answerOf(again)['code'] ?? '', asked.verifier)
    const after = claimsOf(tokens.body['id_token'])
    t.ok(after['auth_time'] >= before['auth_time'] + 100, JSON.stringify(parameters))
    t.not(after['sid'], before['sid'], 'a session for each sign-in')
  }
})

t.test('a signed-out browser is signed out at every client', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const asked = authorizationUrl()
  const back = await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(asked.url)),
  )
  const tokens = await redeemAtSpa(identity, answerOf(back)['code'] ?? '', asked.verifier)
  const native = authorizationUrl({ client_id: 'native', redirect_uri: 'http://127.0.0.1:51234/callback' })
  const nativeCode = answerOf(await browser.get(native.url))['code'] ?? ''
  const nativeTokens = await redeem(
    identity,
    { code: nativeCode, verifier: native.verifier },
    { redirect_uri: 'http://127.0.0.1:51234/callback' },
  )
  t.equal(nativeTokens.status, 200, nativeTokens.text)

  const logout = new URLSearchParams({
    id_token_hint: String(tokens.body['id_token']),
    post_logout_redirect_uri: `${SPA_ORIGIN}/`,
    state: 'bye',
  })
  const out = await browser.get(`/oauth/logout?${logout.toString()}`)
  t.equal(out.status, 303, out.text)
  t.equal(locationOf(out), `${SPA_ORIGIN}/?state=bye`)
  t.ok(out.headers['clear-site-data'])
  t.equal(answerOf(await browser.get(authorizationUrl({ prompt: 'none' }).url))['error'], 'login_required')
  t.equal((await identity.get('/v1/me', tokens.body['access_token'])).status, 401)
  const refreshed = await identity.post('/oauth/token', {
    grant_type: 'refresh_token',
    client_id: 'native',
    refresh_token: nativeTokens.body['refresh_token'],
  })
  t.equal(refreshed.body['error'], 'invalid_grant')
})

t.test('a logout link without an ID token of this sign-on asks first', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(authorizationUrl().url)),
  )
  const page = await browser.get('/oauth/logout')
  t.equal(page.status, 200)
  t.ok(answerOf(await browser.get(authorizationUrl({ prompt: 'none' }).url))['code'], 'still signed in')
  const fields = hiddenFieldsOf(page, '/oauth/logout')
  t.equal((await browser.post('/oauth/logout', { ...fields, csrf: 'x'.repeat(43), confirm: 'this' })).status, 403)
  t.ok(answerOf(await browser.get(authorizationUrl({ prompt: 'none' }).url))['code'], 'a forged form changes nothing')
  t.equal((await browser.post('/oauth/logout', { ...fields, confirm: 'this' })).status, 200)
  t.equal(answerOf(await browser.get(authorizationUrl({ prompt: 'none' }).url))['error'], 'login_required')
})

t.test('the pages show the organization that the request names, as far as its looks are sound', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const dress = (branding: object) =>
    identity.db.prisma.organization.update({ where: { slug: 'acme' }, data: { settings: { branding } } })
  const page = async (org_id: string) => follow(browser, await browser.get(authorizationUrl({ org_id }).url))
  await dress({ name: 'Acme & Sons', colour: '#e4572e', logo_url: 'https://cdn.acme.test/logo.png' })
  const shown = await page('acme')
  t.match(shown.text, /Acme &amp; Sons/)
  t.match(shown.text, 'https://cdn.acme.test/logo.png')
  t.match(String(shown.headers['content-security-policy']), /img-src https:\/\/cdn\.acme\.test(;|$)/)
  await dress({ colour: 'red;}</style><script>', logo_url: 'javascript:alert(1)' })
  const unsound = await page('acme')
  t.match(unsound.text, />Acme</)
  t.notMatch(unsound.text, /javascript:alert|red;\}/)
  t.notMatch(String(unsound.headers['content-security-policy']), /img-src/)
  const unknown = await page('no-such-org')
  t.equal(unknown.status, 200, 'an unknown organization looks like none')
  t.match(unknown.text, /Meridian/)
})

t.test('an ID token as a hint wants its own person, and nobody else comes back with a code', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const idTokenOf = async (email: string) => {
    const own = openBrowser(identity)
    const asked = authorizationUrl()
    const back = await signInAtPages(identity, own, email, await follow(own, await own.get(asked.url)))
    return String((await redeemAtSpa(identity, answerOf(back)['code'] ?? '', asked.verifier)).body['id_token'])
  }
  const hint = { id_token_hint: await idTokenOf('lin@acme.test') }
  const browser = openBrowser(identity)
  const begin = async (parameters: Record<string, string>) =>
    follow(browser, await browser.get(authorizationUrl(parameters).url))
  await signInAtPages(identity, browser, 'max@globex.test', await begin({}))
  const silent = await browser.get(authorizationUrl({ ...hint, prompt: 'none' }).url)
  t.equal(answerOf(silent)['error'], 'login_required', 'max is signed in, and lin was meant')
  await shiftClock(identity.db, 100)
  const again = await signInAtPages(identity, browser, 'max@globex.test', await begin(hint))
  t.equal(answerOf(again)['error'], 'login_required', 'max signed in again')
  const right = await signInAtPages(identity, browser, 'lin@acme.test', await begin(hint))
  t.ok(answerOf(right)['code'], 'lin came')
  t.ok(answerOf(await browser.get(authorizationUrl({ ...hint, prompt: 'none' }).url))['code'])
})
