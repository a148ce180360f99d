// The modules of oidcc-basic-certification-test-plan, with PKCE in each, which we require; README.md lists them.
// Its two modules about refresh tokens and PKCE are in pkce-and-refresh.test.ts.
import { decodeProtectedHeader, UnsecuredJWT } from 'jose'
import t from 'tap'
import { registrySchema } from '../../services/identity/src/directory/registry.ts'
import { follow, hiddenFieldsOf } from '../support/hosted-browser.ts'
import { flow, PERSON, type Provider, pathOf, startProvider, visit } from './provider.ts'
import { BASIC, conformanceRegistry, ES256_CLIENT, POST, REDIRECT_URI, RP_ORIGIN } from './registered-clients.ts'

const provider: Provider = await startProvider(t)
const party = await provider.relyingParty(BASIC)

t.test('oidcc-server: the code flow ends with tokens that verify', async (t) => {
  const { tokens } = await flow(provider, party, provider.browser())
  t.equal(tokens.body['token_type'], 'Bearer')
  t.ok((await party.userInfo(tokens))['sub'])
})

t.test('oidcc-response-type-missing: without response_type the client is told', async (t) => {
  const asked = party.ask({ response_type: undefined })
  const { reply } = await visit(provider, provider.browser(), asked)
  t.ok(['invalid_request', 'unsupported_response_type'].includes(party.readError(asked, reply)))
})

t.test('oidcc-idtoken-signature: signed as registered, with a kid that is in the key set once', async (t) => {
  for (const client of [BASIC, ES256_CLIENT]) {
    const rp = await provider.relyingParty(client)
    const { tokens } = await flow(provider, rp, provider.browser())
    const { alg, kid } = decodeProtectedHeader(tokens.idToken)
    t.equal(alg, client.idTokenAlg)
    const { keys } = await rp.jwks()
    t.equal(keys.filter((key) => key.kid === kid).length, 1)
  }
})

t.test('oidcc-idtoken-unsigned: not offered, and cannot be registered', async (t) => {
  t.notOk(party.metadata['id_token_signing_alg_values_supported'].includes('none'))
  const clients = conformanceRegistry.clients.map((client) => ({ ...client, id_token_alg: 'none' }))
  t.equal(registrySchema.safeParse({ ...conformanceRegistry, clients }).success, false)
})

for (const [module, how] of [
  ['oidcc-userinfo-get', 'get'],
  ['oidcc-userinfo-post-header', 'post-header'],
  ['oidcc-userinfo-post-body', 'post-body'],
] as const) {
  t.test(`${module}: the person's claims come back`, async (t) => {
    const { tokens } = await flow(provider, party, provider.browser(), { scope: 'openid profile email' })
    const claims = await party.userInfo(tokens, how)
    t.match(claims, { name: 'Lin', email: PERSON })
    t.type(claims['email_verified'], 'boolean')
  })
}

t.test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow: and no nonce comes back', async (t) => {
  const { tokens } = await flow(provider, party, provider.browser(), { nonce: undefined })
  t.notOk('nonce' in tokens.idClaims)
})

const SCOPES: readonly (readonly [module: string, scope: string, claims: readonly string[]])[] = [
  ['oidcc-scope-profile', 'openid profile', ['name']],
  ['oidcc-scope-email', 'openid email', ['email', 'email_verified']],
  ['oidcc-scope-address', 'openid address', []],
  ['oidcc-scope-phone', 'openid phone', []],
  ['oidcc-scope-all', 'openid profile email address phone', ['name', 'email', 'email_verified']],
]
for (const [module, scope, claims] of SCOPES) {
  t.test(`${module}: userinfo has the scope's claims and no others, the ID token none`, async (t) => {
    const { tokens } = await flow(provider, party, provider.browser(), { scope })
    t.strictSame(Object.keys(await party.userInfo(tokens)).sort(), ['sub', ...claims].sort())
    for (const name of ['name', 'email', 'address', 'phone_number']) t.notOk(name in tokens.idClaims, name)
    const offered: readonly string[] = party.metadata['scopes_supported']
    const granted = String(tokens.body['scope']).split(' ').sort()
    t.strictSame(
      granted,
      scope
        .split(' ')
        .filter((one) => offered.includes(one))
        .sort(),
    )
  })
}

t.test('oidcc-alternate-happy-flow: neither the order of scopes nor of parameters matters', async (t) => {
  const asked = party.ask({ scope: 'email openid' })
  const reversed = new URLSearchParams(Object.entries(asked.parameters).reverse())
  const url = `${party.metadata['authorization_endpoint']}?${reversed}`
  const { reply } = await visit(provider, provider.browser(), { ...asked, url })
  const tokens = await party.redeem(asked, party.readCode(asked, reply))
  t.equal((await party.userInfo(tokens))['email'], PERSON)
})

// What the server does not act on must not be in the way. Core §3.1.2.1, §5.2.
const IGNORED: readonly (readonly [module: string, parameters: Readonly<Record<string, string>>])[] = [
  ['oidcc-display-page', { display: 'page' }],
  ['oidcc-display-popup', { display: 'popup' }],
  ['oidcc-ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }],
  ['oidcc-ui-locales', { ui_locales: 'se de' }],
  ['oidcc-claims-locales', { claims_locales: 'se' }],
]
for (const [module, parameters] of IGNORED) {
  t.test(`${module}: the flow succeeds`, async (t) => {
    const { tokens } = await flow(provider, party, provider.browser(), parameters)
    t.ok(tokens.idClaims.sub)
  })
}

t.test('oidcc-prompt-login: whoever is signed in signs in again, and auth_time says so', async (t) => {
  const browser = provider.browser()
  const before = await flow(provider, party, browser)
  await provider.pass(2)
  const after = await flow(provider, party, browser, { prompt: 'login' })
  t.equal(after.signedInAtPages, true)
  t.equal(after.tokens.idClaims.sub, before.tokens.idClaims.sub)
  t.ok(Number(after.tokens.idClaims['auth_time']) > Number(before.tokens.idClaims['auth_time']))
})

t.test('oidcc-prompt-none-not-logged-in: login_required', async (t) => {
  const asked = party.ask({ prompt: 'none' })
  t.equal(party.readError(asked, await provider.browser().get(pathOf(asked.url))), 'login_required')
})

t.test('oidcc-prompt-none-logged-in: the same sign-in, and no page', async (t) => {
  const browser = provider.browser()
  const before = await flow(provider, party, browser)
  const asked = party.ask({ prompt: 'none' })
  const { idClaims } = await party.redeem(asked, party.readCode(asked, await browser.get(pathOf(asked.url))))
  t.equal(idClaims.sub, before.tokens.idClaims.sub)
  t.equal(idClaims['auth_time'], before.tokens.idClaims['auth_time'])
})

t.test('oidcc-max-age-1: after two seconds the person signs in again', async (t) => {
  const browser = provider.browser()
  const before = await flow(provider, party, browser)
  await provider.pass(2)
  const after = await flow(provider, party, browser, { max_age: '1' })
  t.equal(after.signedInAtPages, true)
  t.equal(after.tokens.idClaims.sub, before.tokens.idClaims.sub)
  t.ok(Number(after.tokens.idClaims['auth_time']) > Number(before.tokens.idClaims['auth_time']))
})

t.test('oidcc-max-age-10000: the first sign-in is good enough, and auth_time is its', async (t) => {
  const browser = provider.browser()
  const before = await flow(provider, party, browser)
  await provider.pass(2)
  const after = await flow(provider, party, browser, { max_age: '10000' })
  t.equal(after.signedInAtPages, false)
  t.equal(after.tokens.idClaims['auth_time'], before.tokens.idClaims['auth_time'])
})

t.test('oidcc-id-token-hint: with prompt=none the person of the hint goes on', async (t) => {
  const browser = provider.browser()
  const before = await flow(provider, party, browser)
  const after = await flow(provider, party, browser, { prompt: 'none', id_token_hint: before.tokens.idToken })
  t.equal(after.tokens.idClaims.sub, before.tokens.idClaims.sub)
})

t.test('oidcc-login-hint: the address is filled in, and the flow succeeds', async (t) => {
  const browser = provider.browser()
  const page = await follow(browser, await browser.get(pathOf(party.ask({ login_hint: PERSON }).url)))
  t.match(page.text, `value="${PERSON}"`)
  t.ok((await flow(provider, party, browser, { login_hint: PERSON })).tokens.idClaims.sub)
})

t.test('oidcc-ensure-request-with-acr-values-succeeds: and acr says what it was', async (t) => {
  const acrValues = 'urn:example:unknown 1 2'
  const { tokens } = await flow(provider, party, provider.browser(), { acr_values: acrValues })
  t.ok(party.metadata['acr_values_supported'].includes(tokens.idClaims['acr']))
})

t.test('oidcc-codereuse: a code is good once', async (t) => {
  const asked = party.ask()
  const { reply } = await visit(provider, provider.browser(), asked)
  const code = party.readCode(asked, reply)
  await party.redeem(asked, code)
  const again = await party.redeemRaw(asked, code)
  t.match({ status: again.status, ...again.body }, { status: 400, error: 'invalid_grant' })
})

t.test('oidcc-codereuse-30seconds: a replay ends what the code had opened', async (t) => {
  const asked = party.ask()
  const { reply } = await visit(provider, provider.browser(), asked)
  const code = party.readCode(asked, reply)
  const tokens = await party.redeem(asked, code)
  t.ok((await party.userInfo(tokens))['sub'])
  await provider.pass(30)
  t.match((await party.redeemRaw(asked, code)).body, { error: 'invalid_grant' })
  const refused = await provider.send({
    method: 'GET',
    url: party.metadata['userinfo_endpoint'],
    headers: { authorization: `Bearer ${tokens.accessToken}` },
  })
  t.equal(refused.status, 401)
})

t.test('oidcc-ensure-registered-redirect-uri: another one is an error page, never a redirect', async (t) => {
  for (const redirectUri of [`${REDIRECT_URI}/other`, `${RP_ORIGIN}/`, 'https://evil.example.test/callback']) {
    const reply = await provider.browser().get(pathOf(party.ask({ redirect_uri: redirectUri }).url))
    t.equal(reply.status, 400)
    t.match(reply.headers['content-type'], /^text\/html/)
    t.notOk(reply.headers['location'])
    t.notMatch(reply.text, 'evil.example.test')
  }
})

t.test('oidcc-ensure-post-request-succeeds: the request may come as a form', async (t) => {
  const browser = provider.browser()
  const asked = party.ask()
  const page = await follow(browser, await browser.post('/oauth/authorize', asked.parameters))
  t.ok(hiddenFieldsOf(page, '/sign-in'))
  await flow(provider, party, browser)
  const reply = await follow(browser, await browser.post('/oauth/authorize', asked.parameters))
  t.ok((await party.redeem(asked, party.readCode(asked, reply))).idClaims.sub)
})

t.test('oidcc-server-client-secret-post: the secret may be in the form', async (t) => {
  const rp = await provider.relyingParty(POST)
  const { tokens } = await flow(provider, rp, provider.browser())
  t.ok((await rp.userInfo(tokens))['sub'])
})

t.test('oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported: rejected', async (t) => {
  t.equal(party.metadata['request_uri_parameter_supported'], false)
  const asked = party.ask({ request_uri: `${RP_ORIGIN}/request.jwt` })
  t.equal(party.readError(asked, await provider.browser().get(pathOf(asked.url))), 'request_uri_not_supported')
})

const unsigned = (claims: Record<string, unknown>) => new UnsecuredJWT(claims).setIssuer(BASIC.id).encode()

t.test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported: rejected', async (t) => {
  t.equal(party.metadata['request_parameter_supported'], false)
  const asked = party.ask({ request: unsigned({ scope: 'openid email' }) })
  t.equal(party.readError(asked, await provider.browser().get(pathOf(asked.url))), 'request_not_supported')
})

t.test('oidcc-claims-essential: not offered; the flow succeeds without', async (t) => {
  t.equal(party.metadata['claims_parameter_supported'], false)
  const claims = JSON.stringify({ userinfo: { name: { essential: true } } })
  const { tokens } = await flow(provider, party, provider.browser(), { claims, scope: 'openid profile' })
  t.equal((await party.userInfo(tokens))['name'], 'Lin')
})

t.test('oidcc-ensure-request-object-with-redirect-uri: what the object says goes nowhere', async (t) => {
  const elsewhere = 'https://evil.example.test/callback'
  const asked = party.ask({ request: unsigned({ redirect_uri: elsewhere }) })
  const reply = await provider.browser().get(pathOf(asked.url))
  t.equal(party.readError(asked, reply), 'request_not_supported')
  const swapped = party.ask({ redirect_uri: elsewhere, request: unsigned({ redirect_uri: REDIRECT_URI }) })
  t.equal((await provider.browser().get(pathOf(swapped.url))).status, 400)
})
