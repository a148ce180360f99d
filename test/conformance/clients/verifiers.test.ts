// Libraries that verify tokens, as npm has them, each with nothing but the issuer's name and its key set.
import { createVerifier } from 'fast-jwt'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import * as oidc from 'openid-client'
import t from 'tap'
import { IN } from '../../support/identity.ts'
import { BASIC, ES256_CLIENT, type RegisteredClient } from '../registered-clients.ts'
import { type ListeningProvider, secretOf, startListeningProvider } from './listening-provider.ts'

const provider: ListeningProvider = await startListeningProvider(t)
const browser = provider.browser()
const issuer = provider.issuer.origin

type Algorithm = RegisteredClient['idTokenAlg']
type Expected = { readonly audience: string; readonly algorithm: Algorithm }
type Verify = (token: string, expected: Expected) => Promise<unknown>

const jwksUri = `${issuer}/oauth/jwks`
const keySet = createRemoteJWKSet(new URL(jwksUri))
const keys = new JwksClient({ jwksUri })
const pemOf = async (kid: string | undefined) => (await keys.getSigningKey(kid)).getPublicKey()

const VERIFIERS = new Map<string, Verify>([
  [
    'jose',
    async (token, { audience, algorithm }) =>
      (await jwtVerify(token, keySet, { issuer, audience, algorithms: [algorithm], requiredClaims: ['exp', 'sub'] }))
        .payload.sub,
  ],
  [
    'jsonwebtoken with jwks-rsa',
    async (token, { audience, algorithm }) => {
      const decoded = jsonwebtoken.decode(token, { complete: true })
      const options = { issuer, audience, algorithms: [algorithm] }
      return jsonwebtoken.verify(token, await pemOf(decoded?.header.kid), options).sub
    },
  ],
  [
    'fast-jwt',
    async (token, { audience, algorithm }) => {
      const verify = createVerifier({
        key: async ({ header }: { header: { kid?: string } }) => pemOf(header.kid),
        allowedIss: issuer,
        allowedAud: audience,
        algorithms: [algorithm],
        requiredClaims: ['aud', 'iss', 'exp'],
      })
      return ((await verify(token)) as { sub?: unknown }).sub
    },
  ],
])

async function tokensFor(registered: RegisteredClient) {
  const proof = oidc.ClientSecretBasic(secretOf(registered))
  const metadata = { id_token_signed_response_alg: registered.idTokenAlg }
  const config = await oidc.discovery(provider.issuer, registered.id, metadata, proof, {
    execute: [oidc.allowInsecureRequests],
  })
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: registered.redirectUri,
    scope: 'openid',
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const back = await provider.authorize(browser, url)
  const account = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier })
  const refreshToken = String(account.refresh_token)
  const region = await oidc.refreshTokenGrant(config, refreshToken, { resource: IN, org_id: 'acme' })
  return {
    idToken: String(account.id_token),
    account: account.access_token,
    region: region.access_token,
    sub: account.claims()?.sub,
  }
}

const rs256 = await tokensFor(BASIC)
const es256 = await tokensFor(ES256_CLIENT)

const TOKENS: ReadonlyMap<string, Expected & { readonly token: string }> = new Map([
  ['an RS256 ID token', { token: rs256.idToken, audience: BASIC.id, algorithm: 'RS256' }],
  ['an ES256 ID token', { token: es256.idToken, audience: ES256_CLIENT.id, algorithm: 'ES256' }],
  ['an account token', { token: rs256.account, audience: issuer, algorithm: 'ES256' }],
  ['a region token', { token: rs256.region, audience: IN, algorithm: 'ES256' }],
])

/** The token with the subject of somebody else, under the same signature. */
function withAnotherSubject(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const changed = Buffer.from(JSON.stringify({ ...claims, sub: 'somebody-else' })).toString('base64url')
  return [header, changed, signature].join('.')
}

function withAnotherSignature(token: string): string {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[10] = (bytes[10] ?? 0) ^ 1
  return [header, payload, bytes.toString('base64url')].join('.')
}

function unsigned(token: string): string {
  const [, payload = ''] = token.split('.')
  return `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`
}

for (const [library, verify] of VERIFIERS) {
  for (const [name, { token, audience, algorithm }] of TOKENS) {
    t.test(`${library} verifies ${name}, and refuses a changed one and another audience`, async (t) => {
      t.equal(await verify(token, { audience, algorithm }), rs256.sub)
      await t.rejects(verify(token, { audience: 'https://other.example.test', algorithm }))
      await t.rejects(verify(withAnotherSubject(token), { audience, algorithm }))
      await t.rejects(verify(withAnotherSignature(token), { audience, algorithm }))
      await t.rejects(verify(unsigned(token), { audience, algorithm }))
    })
  }
}
