// SECURITY 1.1: clients that prove themselves by an assertion they signed (RFC 7523 §3). Each thing that an assertion
// must say has its twin that does not; an assertion is taken once, whoever asks and however often at once.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import {
  authorize,
  basic,
  claimsOf,
  type Form,
  type IdentityOptions,
  type IdentityUnderTest,
  IN,
  type Instance,
  ISSUER,
  idempotencyKey,
  REGION_SECRETS,
  registry,
  startIdentity,
} from '../support/identity.ts'
import { answersOnly, ask, fire, times } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const client401 = { status: 401, error: 'invalid_client' }
const request400 = { status: 400, error: 'invalid_request' }

const makeKey = async (alg: 'ES256' | 'RS256', kid: string) => {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, kid, privateKey, jwk: { ...(await exportJWK(publicKey)), alg, kid } }
}
type Key = Awaited<ReturnType<typeof makeKey>>
const [ec, otherEc, rsa, strange] = await Promise.all([
  makeKey('ES256', 'e1'),
  makeKey('ES256', 'e2'),
  makeKey('RS256', 'r1'),
  makeKey('ES256', 'e1'),
])

const signer = {
  auth_method: 'private_key_jwt',
  first_party: true,
  account_token: true,
  allowed_resources: ['*'],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: ['openid', 'profile', 'email'],
}

async function startWithSigners(t: Parameters<typeof startIdentity>[0], place: Place, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place, options)
  const signers = [
    { ...signer, id: 'signer', name: 'Signs', jwks: { keys: [ec.jwk, rsa.jwk] } },
    { ...signer, id: 'neighbour', name: 'Signs too', jwks: { keys: [ec.jwk, otherEc.jwk] } },
  ]
  await applyRegistry(identity.deps, registrySchema.parse({ ...registry, clients: [...registry.clients, ...signers] }))
  return identity
}

const seconds = () => Math.floor(Date.now() / 1000)
type Claims = Record<string, unknown>
const claims = (changed: Claims = {}): Claims => ({
  iss: 'signer',
  sub: 'signer',
  aud: ISSUER,
  exp: seconds() + 60,
  iat: seconds(),
  jti: idempotencyKey(),
  ...changed,
})
const assertionOf = (changed: Claims = {}, key: Key = ec, header: Claims = {}) =>
  new SignJWT(claims(changed)).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey)

const present = (instance: Pick<Instance, 'post'>, assertion: string, form: Form = {}, headers: Form = {}) =>
  instance.post(
    '/oauth/token',
    { grant_type: 'client_credentials', client_assertion_type: TYPE, client_assertion: assertion, ...form },
    headers,
  )

t.test('a client that signs its assertion is known by it, at every endpoint', async (t) => {
  const identity = await startWithSigners(t, await embeddedPlace('identity'))
  for (const [title, assertion] of [
    ['ES256', await assertionOf()],
    ['RS256', await assertionOf({}, rsa)],
    ['for the token endpoint', await assertionOf({ aud: `${ISSUER}/oauth/token` })],
    ['for one audience in a list', await assertionOf({ aud: [ISSUER] })],
    ['without kid where one key fits', await assertionOf({}, ec, { kid: undefined })],
    ['without iat', await assertionOf({ iat: undefined })],
    ['a clock 20 s ahead', await assertionOf({ iat: seconds() + 20, nbf: seconds() + 20 })],
    ['of its own type', await assertionOf({}, ec, { typ: 'client-authentication+jwt' })],
    ['with the longest jti', await assertionOf({ jti: 'x'.repeat(256) })],
    ['with the longest life', await assertionOf({ exp: seconds() + 295 })],
  ] as const) {
    const reply = await present(identity, assertion)
    t.equal(reply.status, 200, `${title}: ${reply.text}`)
    t.match(claimsOf(reply.body['access_token']), { sub: 'signer', client_id: 'signer' }, title)
  }
  const named = await present(identity, await assertionOf(), { client_id: 'signer' })
  t.equal(named.status, 200, 'named in the form as well')
  const proof = async () => ({ client_assertion_type: TYPE, client_assertion: await assertionOf() })
  const started = await identity.post('/oauth/challenge', {
    ...(await proof()),
    method: 'email',
    contact: 'lin@acme.test',
    code_challenge: 'a'.repeat(43),
    code_challenge_method: 'S256',
  })
  t.match(started.body, { error: 'insufficient_authorization' }, 'challenge')
  t.equal((await identity.post('/oauth/revoke', { ...(await proof()), token: 'unknown' })).status, 200, 'revoke')
})

t.test('whatever an assertion must say and does not is refused, and then the rightful one is taken', async (t) => {
  const identity = await startWithSigners(t, await embeddedPlace('identity'))
  const now = seconds()
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}.`
  const [head = '', body = '', signature = ''] = (await assertionOf()).split('.')
  const changedBody = Buffer.from(JSON.stringify(claims({ exp: now + 61 }))).toString('base64url')
  const bySecret = await new SignJWT(claims())
    .setProtectedHeader({ alg: 'HS256', kid: 'e1' })
    .sign(new TextEncoder().encode(JSON.stringify(ec.jwk)))
  const cases: readonly (readonly [string, string])[] = [
    ['another issuer', await assertionOf({ iss: 'neighbour' })],
    ['another subject, which names that client', await assertionOf({ sub: 'neighbour' })],
    ['an unknown client', await assertionOf({ iss: 'nobody', sub: 'nobody' })],
    ['a public client', await assertionOf({ iss: 'native', sub: 'native' })],
    ['a client with a secret', await assertionOf({ iss: 'region-in', sub: 'region-in' })],
    ['a client id that no client can have', await assertionOf({ iss: 'a\0b', sub: 'a\0b' })],
    ['no issuer', await assertionOf({ iss: undefined })],
    ['no subject', await assertionOf({ sub: undefined })],
    ['no audience', await assertionOf({ aud: undefined })],
    ['another audience', await assertionOf({ aud: IN })],
    ['another endpoint', await assertionOf({ aud: `${ISSUER}/oauth/revoke` })],
    ['the issuer with a slash', await assertionOf({ aud: `${ISSUER}/` })],
    ['two audiences', await assertionOf({ aud: [ISSUER, IN] })],
    ['the issuer twice', await assertionOf({ aud: [ISSUER, ISSUER] })],
    ['an empty list of audiences', await assertionOf({ aud: [] })],
    ['no exp', await assertionOf({ exp: undefined })],
    ['expired this moment', await assertionOf({ exp: now - 1 })],
    ['more than five minutes', await assertionOf({ exp: now + 330 })],
    ['an exp beyond all calendars', await assertionOf({ exp: 1e300 })],
    ['an exp that is text', await assertionOf({ exp: String(now + 60) })],
    ['made 40 s ahead', await assertionOf({ iat: now + 45 })],
    ['not before 40 s ahead', await assertionOf({ nbf: now + 45 })],
    ['no jti', await assertionOf({ jti: undefined })],
    ['an empty jti', await assertionOf({ jti: '' })],
    ['a jti of 257 characters', await assertionOf({ jti: 'x'.repeat(257) })],
    ['a jti that is a number', await assertionOf({ jti: 7 })],
    ['a stranger’s key under a known kid', await assertionOf({}, strange)],
    ['an unknown kid', await assertionOf({}, otherEc)],
    ['the kid of a key of another algorithm', await assertionOf({}, ec, { kid: 'r1' })],
    ['another kind of JWT', await assertionOf({}, ec, { typ: 'oauth-authz-req+jwt' })],
    ['no signature', none],
    ['a MAC with the public key', bySecret],
    ['a changed body', `${head}.${changedBody}.${signature}`],
    ['a changed signature', `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`],
    ['a cut one', `${head}.${body}`],
    ['garbage', 'garbage'],
  ]
  for (const [title, assertion] of cases) {
    await refuses(t, identity, title, () => present(identity, assertion), client401)
  }
  const ambiguous = await assertionOf({ iss: 'neighbour', sub: 'neighbour' }, ec, { kid: undefined })
  await refuses(t, identity, 'no kid where two keys fit', () => present(identity, ambiguous), client401)
  t.equal((await present(identity, await assertionOf())).status, 200)
  t.notMatch(identity.logText(), signature, 'no assertion in the log')
})

t.test('one method a request, the one that is registered', async (t) => {
  const identity = await startWithSigners(t, await embeddedPlace('identity'))
  const fresh = await assertionOf()
  const form = { grant_type: 'client_credentials' }
  const region = basic('region-in', REGION_SECRETS.in)
  const cases: readonly (readonly [string, Form, Form, typeof client401])[] = [
    ['an assertion and a header', { client_assertion: fresh, client_assertion_type: TYPE }, region, request400],
    [
      'an assertion and a secret',
      { client_assertion: fresh, client_assertion_type: TYPE, client_secret: 'x' },
      {},
      request400,
    ],
    ['an assertion without type', { client_assertion: fresh }, {}, request400],
    ['a type without assertion', { client_assertion_type: TYPE, client_id: 'signer' }, {}, request400],
    ['another type', { client_assertion: fresh, client_assertion_type: `${TYPE}x` }, {}, client401],
    [
      'another client in the form',
      { client_assertion: fresh, client_assertion_type: TYPE, client_id: 'neighbour' },
      {},
      client401,
    ],
    ['no proof at all', { client_id: 'signer' }, {}, client401],
    ['a secret for a client that signs', { client_id: 'signer', client_secret: 'x' }, {}, client401],
    ['a header for a client that signs', {}, basic('signer', ''), client401],
  ]
  for (const [title, extra, headers, expected] of cases) {
    await refuses(t, identity, title, () => identity.post('/oauth/token', { ...form, ...extra }, headers), expected)
  }
  t.equal((await present(identity, fresh)).status, 200, 'and no refusal had consumed it')
})

t.test('an assertion is taken once, until it has expired, and forgotten afterwards', async (t) => {
  const identity = await startWithSigners(t, await embeddedPlace('identity'))
  const assertion = await assertionOf({ exp: seconds() + 200 })
  t.equal((await present(identity, assertion)).status, 200)
  await refuses(t, identity, 'again', () => present(identity, assertion), client401)
  const again = await assertionOf({ jti: claimsOf(assertion)['jti'], aud: `${ISSUER}/oauth/token` })
  await refuses(t, identity, 'the same jti, signed anew', () => present(identity, again), client401)
  const others = { iss: 'neighbour', sub: 'neighbour', jti: claimsOf(assertion)['jti'] }
  t.equal((await present(identity, await assertionOf(others))).status, 200, "another client's jti is another")
  await shiftClock(identity.db, 190)
  await purgeExpired(identity.db)
  await refuses(t, identity, 'after a purge', () => present(identity, assertion), client401)
  await shiftClock(identity.db, 201)
  await refuses(t, identity, 'expired by the database’s clock', () => present(identity, assertion), client401)
  await shiftClock(identity.db, 400)
  await purgeExpired(identity.db)
  t.strictSame(await ask(identity, 'SELECT 1 AS kept FROM client_assertion'), [])
})

async function raceOf(t: Parameters<typeof startIdentity>[0], identity: IdentityUnderTest, assertion: string) {
  const replies = await fire(
    identity,
    times(20, (instance) => present(instance, assertion)),
  )
  t.equal(answersOnly(t, replies, ['200', '401 invalid_client'], 'the same jti')['200'], 1)
}

t.test('races', async (t) => {
  await onPostgresql(t, 'one assertion, twenty times at once: one client is let in', async (t, place) => {
    const identity = await startWithSigners(t, await place('identity'), { instances: 2 })
    for (let round = 0; round < 5; round += 1) await raceOf(t, identity, await assertionOf())
  })
})

t.test('a signing client redeems no code of another', async (t) => {
  const identity = await startWithSigners(t, await embeddedPlace('identity'))
  const { code, verifier } = await authorize(identity, 'lin@acme.test')
  const stolen = { grant_type: 'authorization_code', code, code_verifier: verifier }
  const other = { status: 400, error: 'invalid_grant' }
  await refuses(t, identity, "another client's code", async () => present(identity, await assertionOf(), stolen), other)
})
