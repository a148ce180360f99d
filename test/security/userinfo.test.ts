// /oauth/userinfo (OpenID Connect Core §5.3): claims as far as the token's scopes go, to whoever shows a live account
// token, in one of two ways and never in the address; its refusals are RFC 6750 §3.
import { userInfoSchema } from '@meridian/protocol/user-info'
import t from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import {
  basic,
  claimsOf,
  exchange,
  type Form,
  type IdentityUnderTest,
  IN,
  REGION_SECRETS,
  type Reply,
  refresh,
  SPA_ORIGIN,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const PATH = '/oauth/userinfo'
const token401 = { status: 401, error: 'invalid_token' }
const request400 = { status: 400, error: 'invalid_request' }
const tokenOf = (reply: Reply) => String(reply.body['access_token'])
const inForm = (identity: IdentityUnderTest, token: string, headers: Form = {}) =>
  identity.post(PATH, { access_token: token }, headers)

t.test('the claims are those of the scopes that were granted', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const signedIn = await signIn(identity, 'ada@acme.test')
  const { sub } = claimsOf(tokenOf(signedIn))
  const get = await identity.get(PATH, tokenOf(signedIn))
  const { email_verified: isVerified } = userInfoSchema.parse(get.body)
  t.strictSame(get.body, { sub, name: 'Ada', email: 'ada@acme.test', email_verified: isVerified })
  t.equal(get.headers['cache-control'], 'no-store')
  t.strictSame((await inForm(identity, tokenOf(signedIn))).body, get.body, 'by form')
  const post = await identity.inject({
    method: 'POST',
    url: PATH,
    headers: { authorization: `Bearer ${tokenOf(signedIn)}` },
  })
  t.strictSame(post.body, get.body, 'by header, without a body')

  let { refresh_token: head } = signedIn.body
  for (const [scope, claims] of [
    ['openid', { sub }],
    ['openid profile', { sub, name: 'Ada' }],
    ['openid email', { sub, email: 'ada@acme.test', email_verified: isVerified }],
  ] as const) {
    const narrow = await refresh(identity, head, { scope })
    head = narrow.body['refresh_token']
    t.strictSame((await identity.get(PATH, tokenOf(narrow))).body, claims, scope)
  }
  const narrow = await refresh(identity, head, { scope: 'profile email' })
  const reply = await refuses(t, identity, 'no openid', () => identity.get(PATH, tokenOf(narrow)), {
    status: 403,
    error: 'insufficient_scope',
  })
  t.equal(reply.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="openid"')
})

t.test('an address counts as verified from the moment its code came back, and not beyond a change', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const token = tokenOf(await signIn(identity, 'ada@acme.test'))
  const isVerified = async () => (await identity.get(PATH, token)).body['email_verified']
  const write = (value: string) =>
    ask(identity, `UPDATE user_account SET ${value} WHERE email LIKE 'ada%' RETURNING id`)
  await write('email_verified_at = meridian_now()')
  t.equal(await isVerified(), true)
  await write("email = 'ada@elsewhere.test'")
  t.equal(await isVerified(), false)
})

t.test('only a live account token, shown once and rightly, is answered', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const signedIn = await signIn(identity, 'ada@acme.test')
  const token = tokenOf(signedIn)
  const header = { authorization: `Bearer ${token}` }
  const region = tokenOf(await exchange(identity, token, { resource: IN, org_id: 'acme' }))
  const ofClient = tokenOf(
    await identity.post('/oauth/token', { grant_type: 'client_credentials' }, basic('region-in', REGION_SECRETS.in)),
  )
  const missing = await refuses(t, identity, 'no token', () => identity.get(PATH), token401)
  t.equal(missing.headers['www-authenticate'], 'Bearer', 'no error where nothing was shown')
  for (const [title, shown] of [
    ['garbage', 'garbage'],
    ['a region token', region],
    ["a client's own token", ofClient],
    ['an ID token', String(signedIn.body['id_token'])],
    ['a refresh token', String(signedIn.body['refresh_token'])],
    ['a changed token', `${token.slice(0, -2)}AA`],
  ] as const) {
    for (const request of [() => identity.get(PATH, shown), () => inForm(identity, shown)]) {
      const reply = await refuses(t, identity, title, request, token401)
      t.match(reply.headers['www-authenticate'], /^Bearer error="invalid_token"/, title)
      t.ok(reply.body['error_description'], title)
    }
  }
  await refuses(t, identity, 'another scheme', () => identity.get(PATH, undefined, basic('region-in', 'x')), token401)
  const request =
    (method: 'GET' | 'POST', url: string, headers: Form, payload = '') =>
    () =>
      identity.inject({ method, url, headers, payload })
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const [title, refused] of [
    ['in the address', request('GET', `${PATH}?access_token=${token}`, {})],
    ['in the address and the header', request('GET', `${PATH}?access_token=${token}`, header)],
    ['in the address of a POST', request('POST', `${PATH}?access_token=${token}`, form)],
    ['in the form and the header', request('POST', PATH, { ...form, ...header }, `access_token=${token}`)],
    ['twice in the form', request('POST', PATH, form, `access_token=${token}&access_token=${token}`)],
  ] as const) {
    const reply = await refuses(t, identity, title, refused, request400)
    t.equal(reply.headers['www-authenticate'], 'Bearer error="invalid_request"', title)
  }
  const json = request('POST', PATH, { 'content-type': 'application/json' }, JSON.stringify({ access_token: token }))
  await refuses(t, identity, 'as JSON', json, { status: 415, error: 'invalid_request' })
  t.notMatch(identity.logText(), token, 'no token in the log')
  t.equal((await identity.get(PATH, token)).status, 200)
})

t.test('what the token vouched for is read again', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const expired = tokenOf(await signIn(identity, 'max@globex.test'))
  const ada = await signIn(identity, 'ada@acme.test')
  const lin = tokenOf(await signIn(identity, 'lin@acme.test'))
  await ask(identity, "UPDATE user_account SET status = 'disabled' WHERE email = 'lin@acme.test' RETURNING id")
  await refuses(t, identity, 'a disabled person', () => identity.get(PATH, lin), token401)
  t.equal((await identity.get(PATH, tokenOf(ada))).status, 200)
  await identity.post('/oauth/revoke', { client_id: 'native', token: ada.body['refresh_token'] })
  await refuses(t, identity, 'a person who signed out', () => identity.get(PATH, tokenOf(ada)), token401)
  await shiftClock(identity.db, 601)
  await refuses(t, identity, 'an expired token', () => inForm(identity, expired), token401)
})

t.test('pages of registered origins may ask, others may not', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const token = tokenOf(await signIn(identity, 'ada@acme.test'))
  const ask = (method: 'OPTIONS' | 'GET', origin: string, headers: Form) =>
    identity.inject({ method, url: PATH, headers: { origin, ...headers } })
  const wanted = { 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' }
  const preflight = await ask('OPTIONS', SPA_ORIGIN, wanted)
  t.match(preflight.headers, {
    'access-control-allow-origin': SPA_ORIGIN,
    'access-control-allow-methods': /GET/,
    'access-control-allow-headers': /authorization/,
  })
  const shown = { authorization: `Bearer ${token}` }
  for (const headers of [shown, {}]) {
    const reply = await ask('GET', SPA_ORIGIN, headers)
    t.equal(reply.headers['access-control-allow-origin'], SPA_ORIGIN, String(reply.status))
    t.match(reply.headers['vary'], /Origin/)
  }
  for (const method of ['OPTIONS', 'GET'] as const) {
    const reply = await ask(method, 'https://evil.example.test', method === 'GET' ? shown : wanted)
    t.notOk(reply.headers['access-control-allow-origin'], method)
  }
})
