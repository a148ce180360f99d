// SECURITY 1.4 and 1.5 at /oauth/authorize: who may be redirected where, and what is refused to whom.
import t, { type Test } from 'tap'
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
import { type IdentityUnderTest, ISSUER, type Reply, redeem, startIdentity, verifierOf } from '../support/identity.ts'
import { readState } from '../support/refusal.ts'

/** Runs a request that may end on our own page alone, and leaves nothing behind. */
async function staysHere(t: Test, identity: IdentityUnderTest, title: string, request: () => Promise<Reply>) {
  const before = await readState(identity)
  const reply = await request()
  t.equal(reply.status, 400, `${title}: ${reply.status} ${locationOf(reply)}`)
  t.notOk(reply.headers['location'], `${title}: no redirect`)
  t.match(String(reply.headers['content-type']), /^text\/html/, title)
  t.equal(reply.headers['cache-control'], 'no-store', title)
  t.notMatch(reply.text, /\bat .*\.ts:|SELECT |prisma/i, `${title}: shows no insides`)
  t.strictSame(await readState(identity), before, `${title}: changes nothing`)
}

t.test(
  'only the registered characters are a redirect URI; a native app varies its loopback port alone (A45)',
  async (t) => {
    const identity = await startIdentity(t, await embeddedPlace('identity'))
    const browser = openBrowser(identity)
    await signInAtPages(
      identity,
      browser,
      'lin@acme.test',
      await follow(browser, await browser.get(authorizationUrl().url)),
    )
    const wrong = [
      'https://app.example.test/callback/',
      'https://app.example.test/callback/..',
      'https://app.example.test/callback?',
      'https://app.example.test/callback?a=b',
      'https://app.example.test/callback#',
      'https://app.example.test/callback#frag',
      'https://app.example.test/callback%2f',
      'https://app.example.test/..%2fcallback',
      'https://app.example.test/x/..;/callback',
      'https://app.example.test//callback',
      'https://app.example.test/Callback',
      'https://APP.example.test/callback',
      'https://app.example.test:443/callback',
      'https://app.example.test./callback',
      'https://app.example.test@evil.test/callback',
      'https://evil.test\\@app.example.test/callback',
      'https://user:pw@app.example.test/callback',
      'https://app.example.test.evil.test/callback',
      'https://evil-app.example.test/callback',
      'https://xn--pp-8ja.example.test/callback',
      'https:///app.example.test/callback',
      'http://app.example.test/callback',
      '//app.example.test/callback',
      '/callback',
      'javascript:alert(1)',
      'data:text/html,x',
      ' https://app.example.test/callback',
      'https://app.example.test/callback ',
      'https://app.example.test/call\tback',
      'https://app.example.test/callback\r\nx: y',
      'https://app.example.test/callback\u0000',
      'https://app.example.test/callback%00',
      'http://127.0.0.1/callback',
      '',
    ]
    for (const redirectUri of wrong) {
      const { url } = authorizationUrl({ redirect_uri: redirectUri })
      await staysHere(t, identity, JSON.stringify(redirectUri), () => browser.get(url))
    }
    await staysHere(t, identity, 'missing', () => browser.get(authorizationUrl({ redirect_uri: undefined }).url))
    await staysHere(t, identity, 'twice', () =>
      browser.get(`${authorizationUrl().url}&redirect_uri=${encodeURIComponent(SPA_CALLBACK)}`),
    )
    await staysHere(t, identity, 'unknown client', () => browser.get(authorizationUrl({ client_id: 'nobody' }).url))
    await staysHere(t, identity, 'client twice', () => browser.get(`${authorizationUrl().url}&client_id=spa`))

    const native = (redirect_uri: string) => browser.get(authorizationUrl({ client_id: 'native', redirect_uri }).url)
    for (const right of [
      'http://127.0.0.1:1/callback',
      'http://127.0.0.1:65535/callback',
      'test.example.app:/callback',
    ]) {
      t.ok(locationOf(await native(right)).startsWith(`${right}?code=`), right)
    }
    const almost = [
      'http://127.0.0.1:0/callback',
      'http://127.0.0.1:65536/callback',
      'http://127.0.0.1:08080/callback',
      'http://127.0.0.1:80a/callback',
      'http://127.0.0.1:8080/callback/x',
      'http://127.0.0.1:8080/callback?x=y',
      'http://127.0.0.2:8080/callback',
      'http://localhost:8080/callback',
      'http://[::1]:8080/callback',
      'https://127.0.0.1:8080/callback',
      'http://127.0.0.1:8080@evil.test/callback',
      'http://127.0.0.1.evil.test:8080/callback',
      'test.example.app://callback',
      'TEST.example.app:/callback',
    ]
    for (const redirectUri of almost) await staysHere(t, identity, redirectUri, () => native(redirectUri))
    const inBrowser = { client_id: 'spa-standard', redirect_uri: 'http://127.0.0.1:8080/callback' }
    await staysHere(t, identity, 'a browser client has no ports to choose', () =>
      browser.get(authorizationUrl(inBrowser).url),
    )
  },
)

t.test('a fault of the request goes back to the client, with state and iss (A47, A48, A5, A52)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const cases: [title: string, parameters: Record<string, string | undefined>, error: string][] = [
    ['no response_type', { response_type: undefined }, 'invalid_request'],
    ['token', { response_type: 'token' }, 'unsupported_response_type'],
    ['hybrid', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['fragment', { response_mode: 'fragment' }, 'invalid_request'],
    ['no challenge', { code_challenge: undefined }, 'invalid_request'],
    ['no method', { code_challenge_method: undefined }, 'invalid_request'],
    ['plain', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['unknown method', { code_challenge_method: 'S512' }, 'invalid_request'],
    ['a short challenge', { code_challenge: 'x'.repeat(42) }, 'invalid_request'],
    ['a scope of others', { scope: 'admin' }, 'invalid_scope'],
    ['a malformed scope', { scope: 'profile  "email' }, 'invalid_scope'],
    ['none with another', { prompt: 'none login' }, 'invalid_request'],
    ['an unknown prompt', { prompt: 'create' }, 'invalid_request'],
    ['a negative age', { max_age: '-1' }, 'invalid_request'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['a request_uri', { request_uri: 'https://evil.test/r' }, 'request_uri_not_supported'],
    ['registration', { registration: '{}' }, 'registration_not_supported'],
    ['a strange hint', { id_token_hint: 'e30.e30.' }, 'invalid_request'],
    ['nobody is signed in', { prompt: 'none' }, 'login_required'],
  ]
  for (const [title, parameters, error] of cases) {
    const asked = authorizationUrl(parameters)
    const before = await readState(identity)
    const reply = await browser.get(asked.url)
    t.equal(reply.status, 303, title)
    t.ok(locationOf(reply).startsWith(`${SPA_CALLBACK}?`), `${title}: ${locationOf(reply)}`)
    const { error_description: _text, ...rest } = answerOf(reply)
    t.strictSame(rest, { error, state: asked.state, iss: ISSUER }, title)
    t.strictSame(await readState(identity), before, `${title}: changes nothing`)
  }
  const twice = await browser.get(`${authorizationUrl().url}&nonce=a&nonce=b`)
  t.equal(answerOf(twice)['error'], 'invalid_request', 'a repeated parameter')
  const stateTwice = await browser.get(`${authorizationUrl().url}&state=b`)
  t.strictSame(answerOf(stateTwice)['error'], 'invalid_request', 'a repeated state')
  t.notOk('state' in answerOf(stateTwice), 'neither of two states is believed')
  const region = { client_id: 'region-in', redirect_uri: 'https://api.in.example.test/callback' }
  const foreign = await browser.get(authorizationUrl({ ...region, resource: 'https://api.us.example.test' }).url)
  t.equal(answerOf(foreign)['error'], 'invalid_target', 'a region may ask for itself alone')
})

t.test('a null character is malformed wherever it stands, at every endpoint of the pages', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  for (const path of ['/oauth/authorize', '/sign-in', '/sign-in/account', '/sign-in/context', '/sign-in/cancel']) {
    const at = (parameters: Record<string, string>) =>
      authorizationUrl(parameters).url.replace('/oauth/authorize', path)
    for (const name of ['client_id', 'redirect_uri']) {
      await staysHere(t, identity, `${path}: ${name}`, () => browser.get(at({ [name]: 'sp\0a' })))
    }
    for (const name of ['org_id', 'nonce', 'state', 'resource', 'scope', 'login_hint', 'id_token_hint', 'prompt']) {
      const before = await readState(identity)
      const reply = await browser.get(at({ [name]: 'a\0b' }))
      t.equal(reply.status, 303, `${path}: ${name}`)
      t.equal(answerOf(reply)['error'], 'invalid_request', `${path}: ${name}`)
      t.strictSame(await readState(identity), before, `${path}: ${name}: changes nothing`)
    }
  }
  for (const name of ['client_id', 'post_logout_redirect_uri', 'state', 'id_token_hint']) {
    await staysHere(t, identity, `logout: ${name}`, () => browser.get(`/oauth/logout?${name}=%00`))
  }
})

t.test('a choice of a place that is none is malformed', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const choice = await signInAtPages(
    identity,
    browser,
    'sam@both.test',
    await follow(browser, await browser.get(authorizationUrl().url)),
  )
  const fields = hiddenFieldsOf(choice, '/sign-in/context')
  for (const context of [`${'-'.repeat(36)} in`, `${'0'.repeat(36)} in`, 'acme in', '']) {
    await staysHere(t, identity, context, () => browser.post('/sign-in/context', { ...fields, context }))
  }
})

t.test('a request carries what is known of it through the pages, and no more than a page may keep', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const known = { ui_locales: 'en', nonce: 'n-1', max_age: '3600', resumed: '1' }
  const { url } = authorizationUrl({ ...known, 'x-stuffing': 'x'.repeat(5000) })
  const page = await follow(browser, await browser.get(url))
  t.equal(page.status, 200, page.text)
  const fields = hiddenFieldsOf(page, '/sign-in')
  const names = [...new URLSearchParams(fields['request']).keys()]
  const expected = new URL(url, ISSUER).searchParams
  for (const unknown of ['ui_locales', 'x-stuffing']) expected.delete(unknown)
  t.strictSame(names, [...expected.keys()])
  const stuffed = `${fields['request']}&x-stuffing=${'x'.repeat(3000)}`
  const codePage = locationOf(await browser.post('/sign-in', { ...fields, request: stuffed, email: 'lin@acme.test' }))
  const shown = await browser.get(codePage)
  t.equal(shown.status, 200)
  t.notMatch(shown.text, 'x-stuffing', 'what a form adds is not kept')
  const repeated = await browser.post('/sign-in', { ...fields, request: `${fields['request']}&nonce=n-2` })
  t.equal(answerOf(repeated)['error'], 'invalid_request', 'a repeated parameter stays repeated')
  const resumed = await browser.get(`/sign-in?${fields['request']}&resumed=1`)
  t.equal(new URLSearchParams(hiddenFieldsOf(resumed, '/sign-in')['request']).getAll('resumed').length, 2)

  const wide = authorizationUrl({ state: 's'.repeat(4096), nonce: 'n'.repeat(1024) })
  const widest = await follow(browser, await browser.get(wide.url))
  t.equal(widest.status, 200, widest.text)
  const { csrf = '' } = fields
  for (const [title, parameters] of [
    ['large', { state: 's'.repeat(4096), id_token_hint: 'i'.repeat(3000) }],
    ['larger than it looks', { state: '\u{20ac}'.repeat(1000) }],
  ] as const) {
    const request = new URL(authorizationUrl(parameters).url, ISSUER).searchParams
    await staysHere(t, identity, title, () => browser.get(`/sign-in?${request.toString()}`))
    const form = { csrf, request: decodeURIComponent(request.toString()), email: 'ada@acme.test' }
    await staysHere(t, identity, `${title}: as a form`, () => browser.post('/sign-in', form))
  }
})

t.test('a logout that the person is asked about keeps its own parameters, and no others', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(authorizationUrl().url)),
  )
  const asked = { client_id: 'spa', state: 's-1' }
  const query = new URLSearchParams({ ...asked, nonce: 'n', 'x-stuffing': 'x' }).toString()
  const page = await browser.get(`/oauth/logout?${query}`)
  t.equal(page.status, 200, page.text)
  const kept = hiddenFieldsOf(page, '/oauth/logout')['request']
  t.strictSame(Object.fromEntries(new URLSearchParams(kept)), asked)
})

t.test('an organization that has not chosen to be shown looks like none (A110)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const page = async (org_id: string) => {
    const asked = { state: 'same', code_challenge: 'x'.repeat(43), org_id }
    const browser = openBrowser(identity)
    const shown = await follow(browser, await browser.get(authorizationUrl(asked).url))
    t.equal(shown.status, 200, shown.text)
    const { csrf = '' } = hiddenFieldsOf(shown, '/sign-in')
    return shown.text.replaceAll(csrf, '').replaceAll(org_id, '')
  }
  const dress = (settings: object) =>
    identity.db.prisma.organization.update({ where: { slug: 'acme' }, data: { settings } })
  const unknown = await page('nome')
  for (const settings of [{}, { branding: null }, { other: 1 }]) {
    await dress(settings)
    t.equal(await page('acme'), unknown, JSON.stringify(settings))
  }
  await dress({ branding: {} })
  t.match(await page('acme'), />Acme</)
})

t.test('the authorization endpoint takes no calls of scripts: no CORS, no frame', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const origin = { origin: 'https://app.example.test' }
  for (const url of [authorizationUrl().url, '/sign-in', '/oauth/logout']) {
    const reply = await identity.inject({ method: 'GET', url, headers: origin })
    t.notOk(reply.headers['access-control-allow-origin'], url)
    const preflight = await identity.inject({
      method: 'OPTIONS',
      url,
      headers: { ...origin, 'access-control-request-method': 'GET' },
    })
    t.notOk(preflight.headers['access-control-allow-origin'], `${url}: preflight`)
  }
  const browser = openBrowser(identity)
  const page = await follow(browser, await browser.get(authorizationUrl().url))
  const policy = String(page.headers['content-security-policy'])
  t.match(policy, /default-src 'none'/)
  t.match(policy, /frame-ancestors 'none'/)
  t.match(policy, /form-action 'self' https:\/\/app\.example\.test(;|$)/)
  t.notMatch(policy, /unsafe-inline|unsafe-eval|\*/)
})

t.test('a form of another site is refused, whatever else it carries (A38, A42)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const victim = openBrowser(identity)
  const attacker = openBrowser(identity)
  const page = await follow(victim, await victim.get(authorizationUrl().url))
  const fields = { ...hiddenFieldsOf(page, '/sign-in'), email: 'lin@acme.test' }
  const attackersPage = await follow(attacker, await attacker.get(authorizationUrl().url))
  const attackersCsrf = hiddenFieldsOf(attackersPage, '/sign-in')['csrf'] ?? ''
  const before = await readState(identity)
  const forged: [string, Record<string, string>, Record<string, string>][] = [
    ['another origin', fields, { origin: 'https://evil.test' }],
    ['a tenant host', fields, { origin: 'https://acme.in.example.test' }],
    ['another site', fields, { 'sec-fetch-site': 'cross-site' }],
    ['a sibling site', fields, { 'sec-fetch-site': 'same-site' }],
    ["another browser's form", { ...fields, csrf: attackersCsrf }, {}],
    ['no token', { ...fields, csrf: '' }, {}],
  ]
  for (const [title, form, headers] of forged) {
    const reply = await victim.post('/sign-in', form, headers)
    t.ok([400, 403].includes(reply.status), `${title}: ${reply.status}`)
  }
  t.equal((await openBrowser(identity).post('/sign-in', fields)).status, 403, 'a browser without its cookie')
  t.strictSame(await readState(identity), before, 'nothing was begun')
  for (const headers of [{ origin: 'null' }, { origin: ISSUER, 'sec-fetch-site': 'same-origin' }, {}]) {
    t.equal((await victim.post('/sign-in', fields, headers as Record<string, string>)).status, 303)
  }
})

t.test('a sign-in that another browser began cannot be finished or seen here (A42, A51)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const attacker = openBrowser(identity)
  const victim = openBrowser(identity)
  const begun = await follow(attacker, await attacker.get(authorizationUrl().url))
  const form = { ...hiddenFieldsOf(begun, '/sign-in'), email: 'lin@acme.test' }
  const codeUrl = locationOf(await attacker.post('/sign-in', form))
  await follow(victim, await victim.get(authorizationUrl().url))
  t.equal((await victim.get(codeUrl)).status, 403, 'the page is not shown')
  const [mail] = await identity.mailTo('lin@acme.test')
  const otp = /[0-9]{6}/.exec(mail?.text ?? '')?.[0] ?? ''
  const flow = new URL(codeUrl, ISSUER).searchParams.get('flow') ?? ''
  const victimsPage = await follow(victim, await victim.get(authorizationUrl().url))
  const { csrf = '' } = hiddenFieldsOf(victimsPage, '/sign-in')
  t.equal((await victim.post('/sign-in/code', { csrf, flow, otp })).status, 403, 'the code does nothing there')
  const mine = hiddenFieldsOf(await attacker.get(codeUrl), '/sign-in/code')
  t.match((await attacker.get(codeUrl)).text, /lin@acme\.test/, 'the page shows whose code it waits for')
  const done = await attacker.post('/sign-in/code', { ...mine, otp })
  t.equal(done.status, 303, 'it was not spent')
})

t.test('a sign-in is finished once; pressing twice or going back ends well (A51)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const page = await follow(browser, await browser.get(authorizationUrl().url))
  const codeUrl = locationOf(
    await browser.post('/sign-in', { ...hiddenFieldsOf(page, '/sign-in'), email: 'lin@acme.test' }),
  )
  const fields = hiddenFieldsOf(await browser.get(codeUrl), '/sign-in/code')
  const [mail] = await identity.mailTo('lin@acme.test')
  const otp = /[0-9]{6}/.exec(mail?.text ?? '')?.[0] ?? ''
  const wrong = await browser.post('/sign-in/code', { ...fields, otp: otp === '000000' ? '111111' : '000000' })
  t.equal(wrong.status, 400)
  t.match(wrong.text, /role="alert"/)
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ')
  const press = () =>
    identity.inject({
      method: 'POST',
      url: '/sign-in/code',
      payload: new URLSearchParams({ ...fields, otp }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', cookie },
    })
  const presses = await Promise.all([press(), press(), press()])
  const given = presses.map((reply) => [
    reply.status,
    [reply.headers['set-cookie']].flat().find((line) => line?.includes('sign-on')),
  ])
  t.equal(new Set(given.map((pair) => JSON.stringify(pair))).size, 1, 'each press is answered alike')
  t.equal(given[0]?.[0], 303)
  const [row] = await identity.db.sql(
    { name: 'count_sign_ons', text: 'SELECT count(*)::integer AS n FROM sign_on_session' },
    [],
  )
  t.equal(row?.['n'], 1)
  await browser.post('/sign-in/code', { ...fields, otp })
  const later = await browser.get(codeUrl)
  t.equal(later.status, 303, 'the page that is over leads on')
  t.match(locationOf(later), /^\/oauth\/authorize\?/)
  const stranger = openBrowser(identity)
  t.equal((await stranger.get(codeUrl)).status, 403)
})

for (const [title, email] of [
  ['somebody else', 'ada@acme.test'],
  ['the same person', 'lin@acme.test'],
] as const) {
  t.test(`signing in again as ${title} gives the browser a new secret, and the one before is dead (A42)`, async (t) => {
    const identity = await startIdentity(t, await embeddedPlace('identity'))
    const browser = openBrowser(identity)
    const begin = async (parameters: Record<string, string>) =>
      follow(browser, await browser.get(authorizationUrl(parameters).url))
    await signInAtPages(identity, browser, 'lin@acme.test', await begin({}))
    const name = [...browser.cookies.keys()].find((one) => one.includes('sign-on')) ?? ''
    const before = browser.cookies.get(name) ?? ''
    await shiftClock(identity.db, 100)
    await signInAtPages(identity, browser, email, await begin({ prompt: 'login' }))
    t.not(browser.cookies.get(name), before)
    const silent = authorizationUrl({ prompt: 'none' }).url
    t.ok(answerOf(await browser.get(silent))['code'], 'the new one is good')
    const old = openBrowser(identity)
    for (const forged of [before, `so1.t1.${'A'.repeat(22)}.${'A'.repeat(43)}`, 'x', `${before.slice(0, -1)}A`, '']) {
      old.cookies.set(name, forged)
      t.equal(answerOf(await old.get(silent))['error'], 'login_required', forged)
    }
  })
}

t.test('the cookies of the identity host are __Host-, Secure, HttpOnly and Lax (A36)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const page = await follow(browser, await browser.get(authorizationUrl().url))
  const codePage = await follow(
    browser,
    await browser.post('/sign-in', { ...hiddenFieldsOf(page, '/sign-in'), email: 'lin@acme.test' }),
  )
  const [mail] = await identity.mailTo('lin@acme.test')
  const otp = /[0-9]{6}/.exec(mail?.text ?? '')?.[0] ?? ''
  const done = await browser.post('/sign-in/code', { ...hiddenFieldsOf(codePage, '/sign-in/code'), otp })
  const lines = [page.headers['set-cookie'], done.headers['set-cookie']].flat().filter((line) => line !== undefined)
  t.ok(lines.length >= 2)
  for (const line of lines) {
    t.match(
      line,
      /^__Host-meridian-(browser|sign-on)-[0-9a-f]{8}=[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    t.ok(line.length < 4096)
  }
})

t.test('a code from the authorization endpoint is redeemed with its redirect URI and verifier alone', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  await signInAtPages(
    identity,
    browser,
    'lin@acme.test',
    await follow(browser, await browser.get(authorizationUrl().url)),
  )
  const redirect_uri = 'http://127.0.0.1:4567/callback'
  const asked = authorizationUrl({ client_id: 'native', redirect_uri })
  const code = answerOf(await browser.get(asked.url))['code'] ?? ''
  const wrongs: [string, Record<string, string>, string][] = [
    ['no redirect URI', {}, asked.verifier],
    ['another port', { redirect_uri: 'http://127.0.0.1:4568/callback' }, asked.verifier],
    ['another verifier', { redirect_uri }, verifierOf()],
  ]
  for (const [title, form, verifier] of wrongs) {
    t.equal((await redeem(identity, { code, verifier }, form)).body['error'], 'invalid_grant', title)
  }
  t.equal((await redeem(identity, { code, verifier: asked.verifier }, { redirect_uri })).status, 200)
})
