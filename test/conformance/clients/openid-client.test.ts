// openid-client as npm has it: everything that it can do with this provider.
import * as client from 'openid-client'
import t from 'tap'
import { locationOf } from '../../support/hosted-browser.ts'
import { IN } from '../../support/identity.ts'
import { PERSON } from '../provider.ts'
import { BASIC, ES256_CLIENT, KEYED, POST, POST_LOGOUT_REDIRECT_URI, PUBLIC } from '../registered-clients.ts'
import {
  errorOf,
  type ListeningProvider,
  secretOf,
  signingKeyOf,
  startListeningProvider,
} from './listening-provider.ts'

const provider: ListeningProvider = await startListeningProvider(t)
const browser = provider.browser()

const PROOFS = new Map<(typeof CLIENTS)[number], client.ClientAuth>([
  [BASIC, client.ClientSecretBasic(secretOf(BASIC))],
  [POST, client.ClientSecretPost(secretOf(POST))],
  [ES256_CLIENT, client.ClientSecretBasic(secretOf(ES256_CLIENT))],
  [KEYED, client.PrivateKeyJwt(signingKeyOf(KEYED))],
  [PUBLIC, client.None()],
])
const CLIENTS = [BASIC, POST, ES256_CLIENT, KEYED, PUBLIC]

function configure(registered: (typeof CLIENTS)[number]): Promise<client.Configuration> {
  const metadata = { id_token_signed_response_alg: registered.idTokenAlg }
  return client.discovery(provider.issuer, registered.id, metadata, PROOFS.get(registered), {
    execute: [client.allowInsecureRequests],
  })
}

async function signIn(config: client.Configuration) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BASIC.redirectUri,
    scope: 'openid profile email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    max_age: '3600',
  })
  const back = await provider.authorize(browser, url)
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, back, checks)
  const claims = tokens.claims()
  if (claims === undefined) throw new Error('no ID token')
  return { tokens, sub: claims.sub, refreshToken: String(tokens.refresh_token), idToken: String(tokens.id_token) }
}

for (const registered of CLIENTS) {
  t.test(`${registered.id} signs in, reads userinfo, refreshes and revokes`, async (t) => {
    const config = await configure(registered)
    const { tokens, sub, refreshToken } = await signIn(config)
    t.match(await client.fetchUserInfo(config, tokens.access_token, sub), { sub, name: 'Lin', email: PERSON })
    const refreshed = await client.refreshTokenGrant(config, refreshToken)
    t.not(refreshed.access_token, tokens.access_token)
    const region = await client.refreshTokenGrant(config, String(refreshed.refresh_token), {
      resource: IN,
      org_id: 'acme',
    })
    t.ok(region.access_token)
    await client.tokenRevocation(config, String(region.refresh_token))
    t.equal(await errorOf(client.refreshTokenGrant(config, String(region.refresh_token))), 'invalid_grant')
  })
}

for (const registered of [BASIC, POST, KEYED]) {
  t.test(`${registered.id} introspects, and has tokens of its own`, async (t) => {
    const config = await configure(registered)
    const { tokens, sub } = await signIn(config)
    const introspected = await client.tokenIntrospection(config, tokens.access_token)
    t.match(introspected, { active: true, sub, client_id: registered.id, token_type: 'Bearer' })
    t.strictSame({ ...(await client.tokenIntrospection(config, 'garbage')) }, { active: false })
    const own = await client.clientCredentialsGrant(config)
    t.match(await client.tokenIntrospection(config, own.access_token), { active: true, sub: registered.id })
  })
}

t.test('a wrong verifier, state or nonce is noticed on the side that should notice', async (t) => {
  const config = await configure(BASIC)
  const verifier = client.randomPKCECodeVerifier()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BASIC.redirectUri,
    scope: 'openid',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: 'the state',
  })
  const back = await provider.authorize(browser, url)
  const right = { pkceCodeVerifier: verifier, expectedState: 'the state' }
  const wrong = { ...right, pkceCodeVerifier: client.randomPKCECodeVerifier() }
  t.equal(await errorOf(client.authorizationCodeGrant(config, back, wrong)), 'invalid_grant')
  await t.rejects(client.authorizationCodeGrant(config, back, { ...right, expectedState: 'another' }))
  const mixedUp = new URL(back)
  mixedUp.searchParams.set('iss', 'https://other.example.test')
  await t.rejects(client.authorizationCodeGrant(config, mixedUp, right))
  t.ok((await client.authorizationCodeGrant(config, back, right)).access_token)
})

t.test('an error of the authorization endpoint arrives as one', async (t) => {
  const config = await configure(BASIC)
  const fresh = provider.browser()
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: BASIC.redirectUri,
    scope: 'openid',
    code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
    prompt: 'none',
  })
  const back = await provider.authorize(fresh, url)
  t.equal(await errorOf(client.authorizationCodeGrant(config, back, {})), 'login_required')
})

t.test('signing out comes back to the client and ends the sign-in', async (t) => {
  const config = await configure(BASIC)
  const { idToken, refreshToken } = await signIn(config)
  const parameters = { id_token_hint: idToken, post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI, state: 'bye' }
  const url = client.buildEndSessionUrl(config, parameters)
  const reply = await browser.get(url.pathname + url.search)
  t.equal(locationOf(reply), `${POST_LOGOUT_REDIRECT_URI}?state=bye`)
  t.equal(await errorOf(client.refreshTokenGrant(config, refreshToken)), 'invalid_grant')
})
