// The modules of the relying party plans, run against the strict relying party that judges the provider in the other
// files, and against the regional APIs' verifier: what they must refuse is refused. README.md lists them.
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { verifyAccessToken } from '@meridian/resource-server/verify-access-token'
import { exportJWK, type JSONWebKeySet, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { encodePart, makeSigningKey, REGION_IN, regionClaims } from '../resource-server/region-issuer.ts'
import type { Reply } from '../support/identity.ts'
import { ProtocolError, type Send, verifyIdToken } from './protocol-rules.ts'
import { BASIC, ES256_CLIENT, type RegisteredClient } from './registered-clients.ts'
import { discover, RelyingParty } from './relying-party.ts'

const ISSUER = 'https://op.example.test'
const NOW = 1_768_435_200
const NONCE = 'n-0S6_WzA2Mj'
const metadata = {
  issuer: ISSUER,
  token_endpoint: `${ISSUER}/token`,
  jwks_uri: `${ISSUER}/jwks`,
  userinfo_endpoint: `${ISSUER}/userinfo`,
}

async function makeKey(alg: 'ES256' | 'RS256', kid: string) {
  const { privateKey, publicKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 })
  const sign = (claims: JWTPayload, header: { kid?: string } = { kid }) =>
    new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(privateKey)
  return { sign, jwk: { ...(await exportJWK(publicKey)), alg, use: 'sig', kid } }
}
const rsa = await makeKey('RS256', 'rsa-1')
const otherRsa = await makeKey('RS256', 'rsa-2')
const ec = await makeKey('ES256', 'ec-1')
const unpublished = { RS256: await makeKey('RS256', 'rsa-1'), ES256: await makeKey('ES256', 'ec-1') }
const keys: JSONWebKeySet = { keys: [rsa.jwk, otherRsa.jwk, ec.jwk] }

/** Claims of a good ID token; undefined removes. */
function idClaims(changes: Record<string, unknown> = {}): JWTPayload {
  const claims = { iss: ISSUER, sub: 'ada', aud: BASIC.id, exp: NOW + 600, iat: NOW, nonce: NONCE, ...changes }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

const judge = (idToken: string, jwks = keys, client: RegisteredClient = BASIC) =>
  verifyIdToken(idToken, jwks, metadata, client, NOW, { nonce: NONCE })

const regionKey = makeSigningKey('k1')
const regionExpectations = { issuer: 'http://localhost:4000', ...REGION_IN, leewaySeconds: 30 }
const judgeAtRegion = (token: string) =>
  verifyAccessToken(token, (kid) => (kid === 'k1' ? regionKey.verification : undefined), regionExpectations, NOW)
    .outcome

t.test('oidcc-client-test: good tokens are taken', async (t) => {
  t.equal((await judge(await rsa.sign(idClaims()))).sub, 'ada')
  t.equal((await judge(await ec.sign(idClaims({ aud: ES256_CLIENT.id })), keys, ES256_CLIENT)).sub, 'ada')
  t.equal((await judge(await rsa.sign(idClaims({ aud: [BASIC.id, 'other'], azp: BASIC.id })))).sub, 'ada')
  t.equal(judgeAtRegion(regionKey.sign(regionClaims(NOW))), 'verified')
})

const BAD_CLAIMS: readonly (readonly [module: string, changes: Record<string, unknown>])[] = [
  ['oidcc-client-test-invalid-iss', { iss: 'https://other.example.test' }],
  ['oidcc-client-test-invalid-aud', { aud: 'https://other.example.test' }],
  ['oidcc-client-test-missing-aud', { aud: undefined }],
  ['oidcc-client-test-missing-sub', { sub: undefined }],
  ['oidcc-client-test-missing-iat', { iat: undefined }],
]
for (const [module, changes] of BAD_CLAIMS) {
  t.test(`${module}: refused by the relying party and by a region`, async (t) => {
    await t.rejects(judge(await rsa.sign(idClaims(changes))), ProtocolError)
    t.not(judgeAtRegion(regionKey.sign(regionClaims(NOW, changes))), 'verified')
  })
}

t.test('oidcc-client-test-nonce-invalid: another nonce, or one that nobody sent', async (t) => {
  await t.rejects(judge(await rsa.sign(idClaims({ nonce: 'other' }))), /nonce/)
  await t.rejects(judge(await rsa.sign(idClaims({ nonce: undefined }))), /nonce/)
  const unsent = verifyIdToken(await rsa.sign(idClaims()), keys, metadata, BASIC, NOW, { nonce: undefined })
  await t.rejects(unsent, /nonce/)
})

t.test('oidcc-client-test-invalid-sig-rs256: a key that is not in the set', async (t) => {
  await t.rejects(judge(await unpublished.RS256.sign(idClaims())), ProtocolError)
})

t.test('oidcc-client-test-invalid-sig-es256: a key that is not in the set', async (t) => {
  const claims = idClaims({ aud: ES256_CLIENT.id })
  await t.rejects(judge(await unpublished.ES256.sign(claims), keys, ES256_CLIENT), ProtocolError)
  t.not(judgeAtRegion(makeSigningKey('k1').sign(regionClaims(NOW))), 'verified')
})

t.test('oidcc-client-test-invalid-sig-hs256: a public key is no secret', async (t) => {
  const input = `${encodePart({ alg: 'HS256', kid: 'rsa-1' })}.${encodePart(idClaims())}`
  const mac = createHmac('sha256', JSON.stringify(rsa.jwk)).update(input).digest('base64url')
  await t.rejects(judge(`${input}.${mac}`), ProtocolError)
  t.not(judgeAtRegion(regionKey.sign(regionClaims(NOW), { alg: 'HS256' })), 'verified')
})

t.test('oidcc-client-test-idtoken-sig-none: unsigned is refused', async (t) => {
  await t.rejects(judge(new UnsecuredJWT(idClaims()).encode()), ProtocolError)
  t.not(judgeAtRegion(new UnsecuredJWT(regionClaims(NOW)).encode()), 'verified')
})

t.test('oidcc-client-test-idtoken-sig-rs256: another algorithm than the registered one is refused', async (t) => {
  t.ok(await judge(await rsa.sign(idClaims())))
  await t.rejects(judge(await ec.sign(idClaims())), /alg/)
})

t.test('oidcc-client-test-kid-absent-single-jwks: the one key is the one', async (t) => {
  t.ok(await judge(await rsa.sign(idClaims(), {}), { keys: [rsa.jwk] }))
  t.not(judgeAtRegion(regionKey.sign(regionClaims(NOW), { kid: undefined })), 'verified', 'a region wants a kid')
})

t.test('oidcc-client-test-kid-absent-multiple-jwks: no key is tried out', async (t) => {
  await t.rejects(judge(await rsa.sign(idClaims(), {})), ProtocolError)
})

const reply = (status: number, body: Reply['body']): Reply => ({
  status,
  body,
  text: JSON.stringify(body),
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' },
})

/** A provider that answers each URL as it is told. */
function partyWith(answers: Readonly<Record<string, () => Reply | Promise<Reply>>>) {
  const send: Send = async ({ url }) => (await answers[url.slice(ISSUER.length)]?.()) ?? reply(404, {})
  return new RelyingParty({ send, metadata, client: BASIC, nowSeconds: () => NOW })
}

const before = {
  accessToken: 'at-1',
  refreshToken: 'rt-1',
  idToken: '',
  idClaims: idClaims({ auth_time: NOW - 60 }),
  grantedScope: 'openid',
  body: {},
}
const refreshedWith = (changes: Record<string, unknown>) =>
  partyWith({
    '/jwks': () => reply(200, { keys: keys.keys }),
    '/token': async () =>
      reply(200, {
        access_token: 'at-2',
        token_type: 'Bearer',
        expires_in: 600,
        id_token: await rsa.sign(idClaims({ auth_time: NOW - 60, ...changes })),
      }),
  }).refresh(before)

t.test('oidcc-client-test-refresh-token-invalid-issuer: refused', async (t) => {
  t.equal((await refreshedWith({})).accessToken, 'at-2')
  await t.rejects(refreshedWith({ iss: 'https://other.example.test' }), ProtocolError)
})

t.test('oidcc-client-test-refresh-token-invalid-sub: refused', async (t) => {
  await t.rejects(refreshedWith({ sub: 'eve' }), /sub/)
})

t.test('oidcc-client-test-userinfo-invalid-sub: refused', async (t) => {
  const answered = (sub: string) => partyWith({ '/userinfo': () => reply(200, { sub }) }).userInfo(before)
  t.strictSame(await answered('ada'), { sub: 'ada' })
  await t.rejects(answered('eve'), /sub/)
})

t.test('oidcc-client-test-discovery-issuer-mismatch: refused', async (t) => {
  const documentOf = (issuer: string) => discover(async () => reply(200, { issuer }), ISSUER)
  t.ok(await documentOf(ISSUER))
  for (const issuer of [`${ISSUER}/`, 'https://other.example.test']) await t.rejects(documentOf(issuer), /issuer/)
})

t.test('oidcc-client-test-signing-key-rotation: a key that came later is found', async (t) => {
  await t.rejects(judge(await otherRsa.sign(idClaims()), { keys: [rsa.jwk] }), ProtocolError)
  t.ok(await judge(await otherRsa.sign(idClaims()), keys))
})
