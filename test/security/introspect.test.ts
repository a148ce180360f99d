// Introspection (RFC 7662): the truth about a token now, to those whose business it is; to everybody else, about
// anything, the same few bytes. Nothing that is asked here changes anything.
import { createHash, randomBytes } from 'node:crypto'
import { introspectionSchema } from '@meridian/protocol/introspection'
import t from 'tap'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import {
  authorize,
  basic,
  claimsOf,
  exchange,
  type Form,
  type IdentityUnderTest,
  IN,
  ISSUER,
  REGION_SECRETS,
  type Reply,
  redeem,
  refresh,
  registry,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const SECRET = randomBytes(32).toString('base64url')
const server = {
  id: 'server',
  name: 'A web application with a server',
  first_party: true,
  auth_method: 'client_secret_post',
  client_secret_sha256: createHash('sha256').update(SECRET).digest('base64url'),
  account_token: true,
  allowed_resources: ['*'],
  grant_types: [
    'authorization_code',
    'refresh_token',
    'client_credentials',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ],
  scopes: ['openid', 'profile', 'email'],
}
const credentials = { client_id: 'server', client_secret: SECRET }
const regionIn = basic('region-in', REGION_SECRETS.in)
const regionUs = basic('region-us', REGION_SECRETS.us)
const target = { resource: IN, org_id: 'acme' }

async function start(t: Parameters<typeof startIdentity>[0]): Promise<IdentityUnderTest> {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  await applyRegistry(identity.deps, registrySchema.parse({ ...registry, clients: [...registry.clients, server] }))
  return identity
}

const tokenOf = (reply: Reply) => String(reply.body['access_token'])
const refreshOf = (reply: Reply) => String(reply.body['refresh_token'])
const look = async (identity: IdentityUnderTest, token: string, form: Form = credentials, headers: Form = {}) => {
  const reply = await identity.post('/oauth/introspect', { token, ...form }, headers)
  introspectionSchema.parse(reply.body)
  return reply
}
const isActive = async (identity: IdentityUnderTest, token: string, form: Form = credentials, headers: Form = {}) => {
  const reply = await look(identity, token, form, headers)
  if (reply.body['active'] === false && reply.text !== '{"active":false}') throw new Error(reply.text)
  return reply.body['active'] === true
}
const asRegion = (identity: IdentityUnderTest, token: string, headers: Form) => isActive(identity, token, {}, headers)

t.test('a client learns what its own tokens are worth', async (t) => {
  const identity = await start(t)
  const signedIn = await signIn(identity, 'ada@acme.test', credentials)
  const account = await look(identity, tokenOf(signedIn))
  const claims = claimsOf(tokenOf(signedIn))
  const { scope, client_id, iss, sub, exp, iat, aud, jti, sid, auth_time } = claims
  const common = { active: true, scope, client_id, token_type: 'Bearer', iss, sub, exp, iat, aud, jti }
  t.strictSame(account.body, { ...common, sid, auth_time })
  t.equal(account.headers['cache-control'], 'no-store')

  const exchanged = await exchange(identity, tokenOf(signedIn), { ...credentials, ...target })
  const region = claimsOf(tokenOf(exchanged))
  t.match((await look(identity, tokenOf(exchanged), { ...credentials, token_type_hint: 'refresh_token' })).body, {
    active: true,
    aud: IN,
    org_id: region['org_id'],
    region: 'in',
    role: 'manager',
    sid,
  })
  const own = await identity.post('/oauth/token', { grant_type: 'client_credentials', ...credentials })
  t.match((await look(identity, tokenOf(own))).body, { active: true, sub: 'server', aud: ISSUER, token_type: 'Bearer' })

  const held = (await look(identity, refreshOf(signedIn))).body
  t.match(held, { active: true, scope, client_id, iss, sub, sid, auth_time })
  t.equal(held['exp'] - held['iat'], 90 * 86_400)
  t.notOk('token_type' in held || 'aud' in held || 'jti' in held)
})

t.test('a region learns of the tokens that are meant for it, and of no others', async (t) => {
  const identity = await start(t)
  const signedIn = await signIn(identity, 'ada@acme.test')
  const toIn = tokenOf(await exchange(identity, tokenOf(signedIn), target))
  const toUs = tokenOf(await exchange(identity, tokenOf(signedIn), { resource: US, org_id: 'acme' }))
  const reply = await look(identity, toIn, {}, regionIn)
  t.match(reply.body, { active: true, aud: IN, client_id: 'native', region: 'in', role: 'manager' })
  t.ok(await asRegion(identity, toUs, regionUs))
  t.notOk(await asRegion(identity, toUs, regionIn), "another region's")
  t.notOk(await asRegion(identity, tokenOf(signedIn), regionIn), 'an account token of a client')
  t.notOk(await asRegion(identity, refreshOf(signedIn), regionIn), 'a refresh token of a client')
  t.notOk(await isActive(identity, toIn), "another client's token, to a client that is no region")
  const own = { grant_type: 'client_credentials' }
  const ofUs = tokenOf(await identity.post('/oauth/token', own, regionUs))
  t.ok(await asRegion(identity, ofUs, regionUs))
  t.notOk(await asRegion(identity, ofUs, regionIn), "another region's own token")
})

t.test('who proves nothing learns nothing', async (t) => {
  const identity = await start(t)
  const token = tokenOf(await signIn(identity, 'ada@acme.test'))
  const client401 = { status: 401, error: 'invalid_client' }
  const cases: readonly (readonly [string, Form, Form])[] = [
    ['a public client, about its own token', { client_id: 'native' }, {}],
    ['nobody', {}, {}],
    ['a wrong secret', { client_id: 'server', client_secret: 'x' }, {}],
    ['the token itself as credential', {}, { authorization: `Bearer ${token}` }],
    ['another way of authentication', {}, basic('server', SECRET)],
  ]
  for (const [title, form, headers] of cases) {
    const reply = await refuses(
      t,
      identity,
      title,
      () => identity.post('/oauth/introspect', { token, ...form }, headers),
      client401,
    )
    t.match(reply.headers['www-authenticate'], /^Basic /)
  }
  const request400 = { status: 400, error: 'invalid_request' }
  await refuses(t, identity, 'no token', () => identity.post('/oauth/introspect', credentials), request400)
  const twice = () =>
    identity.inject({
      method: 'POST',
      url: '/oauth/introspect',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `${new URLSearchParams({ ...credentials, token })}&token=x`,
    })
  await refuses(t, identity, 'two tokens', twice, request400)
  const inAddress = () => identity.inject({ method: 'GET', url: `/oauth/introspect?token=${token}` })
  await refuses(t, identity, 'by GET', inAddress, { status: 405, error: 'invalid_request' })
})

t.test('whatever is over, or never was, is inactive, in the same bytes', async (t) => {
  const identity = await start(t)
  const first = await signIn(identity, 'ada@acme.test', credentials)
  const [head = '', body = '', signature = ''] = tokenOf(first).split('.')
  const widened = Buffer.from(JSON.stringify({ ...claimsOf(tokenOf(first)), scope: 'admin' })).toString('base64url')
  const foreign = await signIn(identity, 'lin@acme.test')
  for (const [title, token] of [
    ['garbage', 'garbage'],
    ['a changed body', `${head}.${widened}.${signature}`],
    ['no signature', `${head}.${body}.`],
    ['an ID token', String(first.body['id_token'])],
    ['an authorization code', (await authorize(identity, 'ada@acme.test', credentials)).code],
    ["another client's account token", tokenOf(foreign)],
    ["another client's refresh token", refreshOf(foreign)],
    ['a changed refresh token', `${refreshOf(first).slice(0, -2)}AA`],
  ] as const) {
    t.notOk(await isActive(identity, token), title)
  }
  const next = await refresh(identity, refreshOf(first), credentials)
  t.notOk(await isActive(identity, refreshOf(first)), 'a superseded refresh token')
  t.notOk(await isActive(identity, refreshOf(first)), 'and looking at it again is no reuse')
  t.ok(await isActive(identity, refreshOf(next)), 'its successor lives on')
  t.ok(await isActive(identity, tokenOf(first)), 'and so does the access token')
  t.equal(await identity.db.prisma.revocation.count(), 0)
  await shiftClock(identity.db, 601)
  t.notOk(await isActive(identity, tokenOf(first)), 'expired by the database’s clock')
  t.ok(await isActive(identity, refreshOf(next)))
  await shiftClock(identity.db, 90 * 86_400 + 60)
  t.notOk(await isActive(identity, refreshOf(next)), 'idle for too long')
})

t.test('all that a token vouches for is read again', async (t) => {
  const identity = await start(t)
  await letManagersGo(identity)
  const own = await signIn(identity, 'lin@acme.test', credentials)
  const account = tokenOf(await signIn(identity, 'lin@acme.test'))
  const exchanged = async () => tokenOf(await exchange(identity, account, target))
  let toIn = await exchanged()
  const facts = async () => {
    const ofOwn = await isActive(identity, tokenOf(own))
    const ofRegion = await asRegion(identity, toIn, regionIn)
    return [ofOwn, ofRegion, await isActive(identity, refreshOf(own))].map((active) => (active ? '+' : '-')).join(' ')
  }
  const revoked = "revoked_at = meridian_now(), revoked_reason = 'x'"
  const unrevoked = 'revoked_at = NULL, revoked_reason = NULL'
  const lin = "id = (SELECT id FROM user_account WHERE email = 'lin@acme.test')"
  const cases: readonly (readonly [title: string, table: string, change: string, undo: string, expected: string])[] = [
    [
      'a disabled person',
      'user_account',
      `status = 'disabled' WHERE ${lin}`,
      `status = 'active' WHERE ${lin}`,
      '- - -',
    ],
    ['an ended session', 'session', revoked, unrevoked, '- - -'],
    ['another role', 'membership', `role = 'viewer' WHERE user_${lin}`, `role = 'member' WHERE user_${lin}`, '+ - +'],
    [
      'a removed membership',
      'membership',
      `status = 'removed' WHERE user_${lin}`,
      `status = 'active' WHERE user_${lin}`,
      '+ - +',
    ],
    ['a suspended organization', 'organization', "status = 'suspended'", "status = 'active'", '+ - +'],
    ['a region that it left', 'organization_region', "status = 'withdrawn'", "status = 'active'", '+ - +'],
    ['a withdrawn region', 'region', "status = 'withdrawn'", "status = 'active'", '+ - +'],
    [
      'a region that moved',
      'region',
      "api_url = api_url || '.moved'",
      "api_url = replace(api_url, '.moved', '')",
      '+ - +',
    ],
    ['an ended family', 'refresh_token_family', revoked, unrevoked, '+ + -'],
    ['a restored database', 'deployment', 'epoch = epoch + 1', 'epoch = epoch - 1', '+ + -'],
  ]
  for (const [title, table, change, undo, expected] of cases) {
    await ask(identity, `UPDATE ${table} SET ${change} RETURNING 1 AS done`)
    t.equal(await facts(), expected, title)
    await ask(identity, `UPDATE ${table} SET ${undo} RETURNING 1 AS done`)
    // A membership that changed back is of yet another version.
    toIn = await exchanged()
    t.equal(await facts(), '+ + +', `${title}: and back`)
  }
  await ask(identity, "UPDATE client SET status = 'deleted' WHERE id = 'native' RETURNING 1 AS done")
  t.equal(await facts(), '+ - +', 'a deleted client')
})

t.test('a narrowed token is shown as narrow as it is', async (t) => {
  const identity = await start(t)
  const first = await redeem(identity, await authorize(identity, 'ada@acme.test', credentials), credentials)
  const narrow = await refresh(identity, refreshOf(first), { ...credentials, scope: 'openid' })
  t.equal((await look(identity, tokenOf(narrow))).body['scope'], 'openid')
  t.equal((await look(identity, refreshOf(narrow))).body['scope'], 'openid profile email')
})
