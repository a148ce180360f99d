// oauth4webapi as npm has it: each request made, and each answer judged, by the library.
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { locationOf } from '../../support/hosted-browser.ts'
import { PERSON } from '../provider.ts'
import { BASIC, ES256_CLIENT, KEYED, POST_LOGOUT_REDIRECT_URI } from '../registered-clients.ts'
import {
  errorOf,
  type ListeningProvider,
  secretOf,
  signingKeyOf,
  startListeningProvider,
} from './listening-provider.ts'

const provider: ListeningProvider = await startListeningProvider(t)
const browser = provider.browser()
const insecure = { [oauth.allowInsecureRequests]: true }

const discovered = await oauth.discoveryRequest(provider.issuer, { algorithm: 'oidc', ...insecure })
const server = await oauth.processDiscoveryResponse(provider.issuer, discovered)

const CLIENTS = [
  { registered: BASIC, proof: oauth.ClientSecretBasic(secretOf(BASIC)) },
  { registered: ES256_CLIENT, proof: oauth.ClientSecretBasic(secretOf(ES256_CLIENT)) },
  { registered: KEYED, proof: oauth.PrivateKeyJwt(signingKeyOf(KEYED)) },
]
type Client = (typeof CLIENTS)[number]

const metadataOf = ({ registered }: Client): oauth.Client => ({
  client_id: registered.id,
  id_token_signed_response_alg: registered.idTokenAlg,
})

t.test('RFC 8414’s document is accepted as the OpenID one is', async (t) => {
  const response = await oauth.discoveryRequest(provider.issuer, { algorithm: 'oauth2', ...insecure })
  t.strictSame({ ...(await oauth.processDiscoveryResponse(provider.issuer, response)) }, { ...server })
})

async function signIn(client: Client) {
  const metadata = metadataOf(client)
  const verifier = oauth.generateRandomCodeVerifier()
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
  const url = new URL(String(server.authorization_endpoint))
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: client.registered.id,
    redirect_uri: client.registered.redirectUri,
    scope: 'openid profile email',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
  }).toString()
  const answer = oauth.validateAuthResponse(server, metadata, await provider.authorize(browser, url), state)
  const { redirectUri } = client.registered
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    metadata,
    client.proof,
    answer,
    redirectUri,
    verifier,
    insecure,
  )
  const expected = { expectedNonce: nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(server, metadata, response, expected)
  await oauth.validateApplicationLevelSignature(server, response, insecure)
  const claims = oauth.getValidatedIdTokenClaims(tokens)
  if (claims === undefined) throw new Error('no ID token')
  return { metadata, tokens, sub: claims.sub, refreshToken: String(tokens.refresh_token) }
}

for (const client of CLIENTS) {
  t.test(`${client.registered.id}: each answer stands up to the library`, async (t) => {
    const { metadata, tokens, sub, refreshToken } = await signIn(client)
    const asked = await oauth.userInfoRequest(server, metadata, tokens.access_token, insecure)
    t.match(await oauth.processUserInfoResponse(server, metadata, sub, asked), { sub, email: PERSON })

    const request = await oauth.refreshTokenGrantRequest(server, metadata, client.proof, refreshToken, insecure)
    const refreshed = await oauth.processRefreshTokenResponse(server, metadata, request)
    t.ok(refreshed.access_token)

    const introspection = await oauth.introspectionRequest(
      server,
      metadata,
      client.proof,
      refreshed.access_token,
      insecure,
    )
    t.match(await oauth.processIntrospectionResponse(server, metadata, introspection), { active: true, sub })

    const own = await oauth.clientCredentialsGrantRequest(server, metadata, client.proof, {}, insecure)
    t.ok((await oauth.processClientCredentialsResponse(server, metadata, own)).access_token)

    const latest = String(refreshed.refresh_token)
    const revocation = await oauth.revocationRequest(server, metadata, client.proof, latest, insecure)
    t.equal(await oauth.processRevocationResponse(revocation), undefined)
    const late = await oauth.refreshTokenGrantRequest(server, metadata, client.proof, latest, insecure)
    t.equal(await errorOf(oauth.processRefreshTokenResponse(server, metadata, late)), 'invalid_grant')
  })
}

t.test('an account token stands up to the library as RFC 9068 has it', async (t) => {
  const [client] = CLIENTS as [Client, ...Client[]]
  const { tokens, sub } = await signIn(client)
  const request = new Request('https://api.example.test/', {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  const claims = await oauth.validateJwtAccessToken(server, request, provider.issuer.origin, insecure)
  t.match(claims, { sub, client_id: client.registered.id })
  await t.rejects(oauth.validateJwtAccessToken(server, request, 'https://api.example.test', insecure))
})

t.test('signing out comes back to the client and ends the sign-in', async (t) => {
  const [client] = CLIENTS as [Client, ...Client[]]
  const { metadata, tokens, refreshToken } = await signIn(client)
  const url = new URL(String(server.end_session_endpoint))
  url.searchParams.set('id_token_hint', String(tokens.id_token))
  url.searchParams.set('post_logout_redirect_uri', POST_LOGOUT_REDIRECT_URI)
  t.equal(locationOf(await browser.get(url.pathname + url.search)), POST_LOGOUT_REDIRECT_URI)
  const late = await oauth.refreshTokenGrantRequest(server, metadata, client.proof, refreshToken, insecure)
  t.equal(await errorOf(oauth.processRefreshTokenResponse(server, metadata, late)), 'invalid_grant')
})
