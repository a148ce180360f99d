// SECURITY 1.9 (A90): sys-admins register clients. What they register is held to the same rules as the configuration,
// which stays the operator's; a secret is shown once; a client that ended takes its sign-ins with it, for good.
import { clientPageSchema, registeredClientSchema } from '@meridian/protocol/clients'
import t from 'tap'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { eachEngine, embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import {
  authorize,
  basic,
  type Form,
  type IdentityUnderTest,
  IN,
  type Instance,
  idempotencyKey,
  makeSysAdmin,
  type Reply,
  redeem,
  refresh,
  registry,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { ask, fire, times, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const sessionGrants = ['authorization_code', 'refresh_token']
const app = {
  id: 'partner',
  name: 'Partner',
  auth_method: 'none',
  first_party: true,
  account_token: true,
  allowed_resources: ['*'],
  allowed_origins: ['https://partner.example.test'],
  redirect_uris: ['https://partner.example.test/callback'],
  grant_types: sessionGrants,
  scopes: ['openid'],
}
const server = { ...app, id: 'server', auth_method: 'client_secret_basic', grant_types: ['client_credentials'] }
const region = {
  id: 'region-in-2',
  name: 'Region in, second',
  auth_method: 'client_secret_post',
  region: 'in',
  allowed_resources: [IN],
  grant_types: ['client_credentials'],
  scopes: ['openid'],
}
const jwk = {
  ...{ kty: 'EC', crv: 'P-256', alg: 'ES256', kid: 'k1' },
  ...{ x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' },
}

const PATH = '/v1/clients'
type Call = { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; url?: string; payload?: object; headers?: Form }
const send = (instance: Pick<Instance, 'inject'>, token: string | undefined, call: Call) =>
  instance.inject({
    ...call,
    url: call.url ?? PATH,
    headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...call.headers },
  })
const at = (id: string) => `${PATH}/${id}`
const ifMatch = (version: number | string) => ({ 'if-match': typeof version === 'number' ? `"${version}"` : version })
const tokenOf = (reply: Reply) => String(reply.body['access_token'])
const bad = { status: 400, error: 'invalid_request' }
const conflict = { status: 409, error: 'conflict' }
const gone = { status: 404, error: 'not_found' }
const taken = { status: 409, error: 'client_id_taken' }

async function start(t: Parameters<typeof startIdentity>[0], place: Place, instances = 1) {
  const identity = await startIdentity(t, place, { settings: UNHURRIED, instances })
  await makeSysAdmin(identity)
  const root = await signIn(identity, 'root@example.test')
  return { identity, root, admin: tokenOf(root) }
}
const create = (instance: Pick<Instance, 'inject'>, admin: string, payload: object, headers: Form = {}) =>
  send(instance, admin, { method: 'POST', payload, headers })
const withSecret = (instance: Pick<Instance, 'post'>, id: string, secret: string) =>
  instance.post('/oauth/token', { grant_type: 'client_credentials' }, basic(id, secret))

t.test('sys-admins alone see clients, and write only after a recent sign-in (A90)', async (t) => {
  const { identity, root, admin } = await start(t, await embeddedPlace('identity'))
  const manager = tokenOf(await signIn(identity, 'ada@acme.test'))
  await create(identity, admin, app)
  const reads: readonly Call[] = [{ method: 'GET' }, { method: 'GET', url: at('partner') }]
  const writes: readonly Call[] = [
    { method: 'POST', payload: { ...app, id: 'another' } },
    { method: 'PUT', url: at('partner'), payload: app, headers: ifMatch(1) },
    { method: 'DELETE', url: at('partner') },
    { method: 'POST', url: `${at('partner')}/secret` },
  ]
  for (const call of [...reads, ...writes]) {
    const title = `${call.method} ${call.url}`
    await refuses(t, identity, `${title}: anonymous`, () => send(identity, undefined, call), {
      status: 401,
      error: 'missing_token',
    })
    await refuses(t, identity, `${title}: a manager`, () => send(identity, manager, call), {
      status: 403,
      error: 'access_denied',
    })
  }
  await shiftClock(identity.db, 605)
  const later = tokenOf(await refresh(identity, root.body['refresh_token']))
  for (const call of reads) t.equal((await send(identity, later, call)).status, 200, `${call.method} ${call.url}`)
  for (const call of writes) {
    const reply = await refuses(t, identity, `${call.method}: too late`, () => send(identity, later, call), {
      status: 401,
      error: 'insufficient_user_authentication',
    })
    t.match(reply.headers['www-authenticate'], /max_age="600"/)
  }
})

t.test('a registered client works, is shown without its secret, and is listed with the others', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  const created = await create(identity, admin, app)
  t.equal(created.status, 201, created.text)
  t.match(created.headers, { location: '/v1/clients/partner', etag: '"1"' })
  t.match(created.body, { ...app, source: 'api', status: 'active', version: 1 })
  t.notOk('client_secret' in created.body, 'a public client has none')
  t.equal((await signIn(identity, 'lin@acme.test', { client_id: 'partner' })).status, 200)

  const made = await create(identity, admin, server)
  const secret = String(made.body['client_secret'])
  t.match(secret, /^[A-Za-z0-9_-]{43}$/)
  t.equal((await withSecret(identity, 'server', secret)).status, 200)
  const read = await send(identity, admin, { method: 'GET', url: at('server') })
  t.strictSame(read.body, registeredClientSchema.parse(read.body))
  t.equal(read.headers['etag'], '"1"')
  const signer = { ...app, id: 'signer', auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
  t.match((await create(identity, admin, signer)).body, { auth_method: 'private_key_jwt', jwks: { keys: [jwk] } })

  const ids: string[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null && pages < 20; pages += 1) {
    const url: string = `${PATH}?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`
    const page = clientPageSchema.parse((await send(identity, admin, { method: 'GET', url })).body)
    t.ok(page.clients.length <= 3)
    ids.push(...page.clients.map(({ id }) => id))
    cursor = page.next_cursor
  }
  t.strictSame([...ids].sort(), [...registry.clients.map(({ id }) => id), 'partner', 'server', 'signer'].sort())
  t.equal(new Set(ids).size, ids.length)
  const sources = (await send(identity, admin, { method: 'GET' })).body['clients'].map(
    (client: { id: string; source: string }) => `${client.id} ${client.source}`,
  )
  t.ok(sources.includes('native configuration') && sources.includes('partner api'))
  t.notMatch(identity.logText(), secret, 'no secret in the log')
  const kept = await ask(identity, "SELECT encode(secret_hash, 'hex') AS hash FROM client WHERE id = 'server'")
  t.not(kept[0]?.['hash'], Buffer.from(secret, 'base64url').toString('hex'))
})

t.test('what contradicts itself, or would widen a region, is refused', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  for (const [title, payload] of [
    ['an unknown member', { ...app, admin: true }],
    ['a hash of a secret', { ...server, client_secret_sha256: 'A'.repeat(43) }],
    ['a secret of its own choice', { ...server, client_secret: 'x' }],
    ['a source', { ...app, source: 'configuration' }],
    ['a version', { ...app, version: 7 }],
    ['an id with a capital', { ...app, id: 'Partner' }],
    ['an unknown way to authenticate', { ...app, auth_method: 'client_secret_jwt' }],
    ['an unknown grant', { ...app, grant_types: ['password'] }],
    ['no grant', { ...app, grant_types: [] }],
    ['keys without their method', { ...app, jwks: { keys: [jwk] } }],
    ['the method without keys', { ...app, auth_method: 'private_key_jwt' }],
    ['a kid twice', { ...app, auth_method: 'private_key_jwt', jwks: { keys: [jwk, jwk] } }],
    ['a key on no curve', { ...app, auth_method: 'private_key_jwt', jwks: { keys: [{ ...jwk, y: 'A'.repeat(43) }] } }],
    ['a null character', { ...app, name: 'a\0b' }],
    ['a control character', { ...app, name: 'a\rb' }],
    ['a private key', { ...app, auth_method: 'private_key_jwt', jwks: { keys: [{ ...jwk, d: 'x' }] } }],
    ['cookies for no origin', { ...app, refresh_transport: 'cookie', allowed_origins: [] }],
    ['an origin with a path', { ...app, allowed_origins: ['https://partner.example.test/x'] }],
    ['a redirect to http', { ...app, redirect_uris: ['http://partner.example.test/callback'] }],
    ['account tokens for a region', { ...region, account_token: true }],
    ["another region's audience", { ...region, allowed_resources: [US] }],
    ['every audience for a region', { ...region, allowed_resources: ['*'] }],
    ['its own and another', { ...region, allowed_resources: [IN, US] }],
    ['an operator object', { ...app, id: { not: '' } }],
  ] as const) {
    await refuses(t, identity, title, () => create(identity, admin, payload), bad)
  }
  const unknown = { ...region, region: 'eu' }
  await refuses(t, identity, 'an unknown region', () => create(identity, admin, unknown), {
    status: 422,
    error: 'unknown_region',
  })
  t.equal((await create(identity, admin, region)).status, 201, 'its own audience')
  const wider = {
    method: 'PUT',
    url: at(region.id),
    payload: { ...region, allowed_resources: [US] },
    headers: ifMatch(1),
  }
  await refuses(t, identity, 'wider by a change', () => send(identity, admin, wider as Call), bad)
  for (const url of [`${PATH}?limit=0`, `${PATH}?limit=101`, `${PATH}?cursor=%27`, `${PATH}?all=1`]) {
    await refuses(t, identity, url, () => send(identity, admin, { method: 'GET', url }), bad)
  }
})

t.test('the same request with its key is answered again, secret included, and done once', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  const key = { 'idempotency-key': idempotencyKey() }
  const first = await create(identity, admin, server, key)
  const again = await create(identity, admin, server, key)
  t.strictSame([again.status, again.body, again.headers['etag']], [201, first.body, '"1"'])
  await refuses(t, identity, 'the key for another client', () => create(identity, admin, app, key), {
    status: 422,
    error: 'idempotency_key_reused',
  })
  await refuses(t, identity, 'the id without the key', () => create(identity, admin, server), taken)
  const dump = JSON.stringify(await ask(identity, 'SELECT body::text FROM idempotency'))
  t.notMatch(dump, String(first.body['client_secret']), 'what is kept for a repeat opens nothing')
  t.equal((await ask(identity, "SELECT 1 AS one FROM audit_event WHERE kind = 'client.created'")).length, 1)
})

t.test('a change is made to what was read, and to nothing that a client is by nature', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  const { client_secret: secret } = (await create(identity, admin, server)).body
  const put = (payload: object, headers: Form, id = 'server') =>
    send(identity, admin, { method: 'PUT', url: at(id), payload, headers })
  const changed = { ...server, name: 'Renamed', redirect_uris: [], auth_method: 'client_secret_basic' }
  await refuses(t, identity, 'no If-Match', () => put(changed, {}), { status: 428, error: 'precondition_required' })
  await refuses(t, identity, 'garbage', () => put(changed, ifMatch('1')), bad)
  const failed = { status: 412, error: 'precondition_failed' }
  for (const tag of ['"2"', 'W/"1"', '"x"', '"2", "3"']) {
    await refuses(t, identity, tag, () => put(changed, ifMatch(tag)), failed)
  }
  await refuses(t, identity, 'another id', () => put({ ...changed, id: 'server2' }, ifMatch(1)), bad)
  await refuses(t, identity, 'an unknown field', () => put({ ...changed, status: 'active' }, ifMatch(1)), bad)
  await refuses(t, identity, 'public', () => put({ ...changed, auth_method: 'none' }, ifMatch(1)), conflict)
  const signs = { ...changed, auth_method: 'private_key_jwt', jwks: { keys: [jwk] } }
  await refuses(t, identity, 'by keys', () => put(signs, ifMatch(1)), conflict)
  await refuses(t, identity, 'an unknown client', () => put({ ...app, id: 'nobody' }, ifMatch(1), 'nobody'), gone)
  await refuses(t, identity, 'no id', () => put(app, ifMatch(1), 'No%20Id'), gone)
  const reply = await put(changed, ifMatch(1))
  t.match(reply, { status: 200, body: { name: 'Renamed', redirect_uris: [], version: 2 }, headers: { etag: '"2"' } })
  t.notOk('client_secret' in reply.body)
  t.equal((await withSecret(identity, 'server', secret)).status, 200, 'the secret stays')
  await refuses(t, identity, 'the old version', () => put(changed, ifMatch(1)), failed)
  t.match((await put({ ...server, auth_method: 'client_secret_post' }, ifMatch(2))).body, { version: 3 })
  t.equal((await withSecret(identity, 'server', secret)).status, 401, 'another method is another method')
  t.match(
    await ask(identity, "SELECT details, actor_user_id FROM audit_event WHERE kind = 'client.changed' ORDER BY id"),
    [{ details: { client: 'server' }, actor_user_id: /./ }, { details: { client: 'server' } }],
  )
})

t.test('clients of the configuration are read-only here', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  const { source, status, version, ...native } = (await send(identity, admin, { method: 'GET', url: at('native') }))
    .body
  t.strictSame([source, status, version], ['configuration', 'active', 1])
  const calls: readonly Call[] = [
    { method: 'PUT', url: at('native'), payload: native, headers: ifMatch(1) },
    { method: 'DELETE', url: at('native') },
    { method: 'POST', url: `${at('region-in')}/secret` },
  ]
  for (const call of calls) {
    const reply = await refuses(t, identity, call.method, () => send(identity, admin, call), conflict)
    t.match(reply.body['detail'], 'configuration')
  }
  await refuses(t, identity, 'the same id', () => create(identity, admin, { ...app, id: 'native' }), taken)
})

t.test('the configuration does not take over a client of the API', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  await create(identity, admin, app)
  const named = registrySchema.parse({ ...registry, clients: [...registry.clients, { ...app, name: 'Taken over' }] })
  await t.rejects(applyRegistry(identity.deps, named), { name: 'ConfigurationError', message: /partner/ })
  await applyRegistry(identity.deps, registry)
  t.match((await send(identity, admin, { method: 'GET', url: at('partner') })).body, {
    name: 'Partner',
    status: 'active',
  })
  await send(identity, admin, { method: 'DELETE', url: at('partner') })
  await t.rejects(applyRegistry(identity.deps, named), { name: 'ConfigurationError' }, 'nor its id')
})

t.test('deleting', async (t) => {
  await eachEngine(t, 'a deleted client ends with every sign-in through it, and its id with it', async (t, place) => {
    const { identity, admin } = await start(t, await place('identity'))
    await create(identity, admin, app)
    const client = { client_id: 'partner' }
    const signedIn = (await signIn(identity, 'lin@acme.test', client)).body
    const pending = await authorize(identity, 'lin@acme.test', client)
    const kept = (await signIn(identity, 'ada@acme.test')).body
    const stale = { method: 'DELETE', url: at('partner'), headers: ifMatch(2) } as const
    await refuses(t, identity, 'another version', () => send(identity, admin, stale), {
      status: 412,
      error: 'precondition_failed',
    })
    t.equal((await send(identity, admin, { method: 'DELETE', url: at('partner') })).status, 204)
    t.match((await refresh(identity, signedIn['refresh_token'], client)).body, { error: 'invalid_client' })
    t.match((await redeem(identity, pending, client)).body, { error: 'invalid_client' })
    t.equal((await identity.get('/v1/me', signedIn['access_token'])).status, 401)
    const told = await ask(identity, "SELECT count(*)::int AS told FROM revocation WHERE kind = 'session'")
    t.strictSame(told, [{ told: 2 }], 'regions are told')
    t.equal((await refresh(identity, kept['refresh_token'])).status, 200, 'others go on')
    t.match((await send(identity, admin, { method: 'GET', url: at('partner') })).body, {
      status: 'deleted',
      version: 2,
    })
    await refuses(t, identity, 'twice', () => send(identity, admin, { method: 'DELETE', url: at('partner') }), gone)
    const revive = { method: 'PUT', url: at('partner'), payload: app, headers: ifMatch(2) } as const
    await refuses(t, identity, 'a change', () => send(identity, admin, revive), gone)
    await refuses(t, identity, 'its id again', () => create(identity, admin, app), taken)
    t.match(await ask(identity, "SELECT details FROM audit_event WHERE kind = 'client.deleted'"), [
      { details: { client: 'partner' } },
    ])
  })
})

const rotate = (instance: Pick<Instance, 'inject'>, admin: string, id: string, headers: Form = {}) =>
  send(instance, admin, { method: 'POST', url: `${at(id)}/secret`, headers })

t.test('a new secret ends the old one at once', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  const old = String((await create(identity, admin, server)).body['client_secret'])
  await create(identity, admin, app)
  await refuses(t, identity, 'no secret to replace', () => rotate(identity, admin, 'partner'), conflict)
  await refuses(t, identity, 'unknown', () => rotate(identity, admin, 'nobody'), gone)
  await refuses(t, identity, 'another version', () => rotate(identity, admin, 'server', ifMatch(9)), {
    status: 412,
    error: 'precondition_failed',
  })
  const rotated = await rotate(identity, admin, 'server', ifMatch(1))
  t.strictSame([rotated.status, rotated.body['version'], rotated.headers['etag']], [200, 2, '"2"'])
  t.equal((await withSecret(identity, 'server', old)).status, 401)
  t.equal((await withSecret(identity, 'server', rotated.body['client_secret'])).status, 200)
  t.notMatch(identity.logText(), rotated.body['client_secret'])
})

t.test('a new secret that is asked for again with its key is the same one', async (t) => {
  const { identity, admin } = await start(t, await embeddedPlace('identity'))
  await create(identity, admin, server)
  await create(identity, admin, { ...server, id: 'other' })
  const key = { 'idempotency-key': idempotencyKey(), ...ifMatch(1) }
  const first = await rotate(identity, admin, 'server', key)
  const again = await rotate(identity, admin, 'server', key)
  t.strictSame([again.status, again.body, again.headers['etag']], [200, first.body, '"2"'])
  t.equal((await withSecret(identity, 'server', first.body['client_secret'])).status, 200)
  await refuses(t, identity, 'the key for another client', () => rotate(identity, admin, 'other', key), {
    status: 422,
    error: 'idempotency_key_reused',
  })
  const kept = JSON.stringify(await ask(identity, 'SELECT body::text FROM idempotency'))
  t.notMatch(kept, String(first.body['client_secret']), 'what is kept for a repeat opens nothing')
  t.equal((await ask(identity, "SELECT 1 AS one FROM audit_event WHERE kind = 'client.secret_rotated'")).length, 1)
})

const working = async (identity: IdentityUnderTest, replies: readonly Reply[]) => {
  const given = replies.filter(({ status }) => status < 300).map(({ body }) => String(body['client_secret']))
  const answers = await Promise.all(given.map((secret) => withSecret(identity, 'server', secret)))
  return { given: given.length, working: answers.filter(({ status }) => status === 200).length }
}

t.test('races', async (t) => {
  await onPostgresql(t, 'of secrets that are made at once, one works', async (t, place) => {
    const { identity, admin } = await start(t, await place('identity'), 2)
    await create(identity, admin, server)
    const free = await fire(
      identity,
      times(10, (instance) => rotate(instance, admin, 'server')),
    )
    t.equal((await working(identity, free)).working, 1, 'the last of them')
    const etag = String((await send(identity, admin, { method: 'GET', url: at('server') })).headers['etag'])
    const careful = await fire(
      identity,
      times(10, (instance) => rotate(instance, admin, 'server', ifMatch(etag))),
    )
    t.strictSame(await working(identity, careful), { given: 1, working: 1 }, 'with If-Match only one is given')
  })

  await onPostgresql(t, 'an id that is registered twenty times at once is given once', async (t, place) => {
    const { identity, admin } = await start(t, await place('identity'), 2)
    const replies = await fire(
      identity,
      times(20, (instance) => create(instance, admin, server)),
    )
    t.strictSame([...new Set(replies.map(({ status }) => status))].sort(), [201, 409])
    t.strictSame(await working(identity, replies), { given: 1, working: 1 })
  })

  await onPostgresql(t, 'of changes to one version, one is made', async (t, place) => {
    const { identity, admin } = await start(t, await place('identity'), 2)
    await create(identity, admin, app)
    const put = (index: number) => (instance: Instance) =>
      send(instance, admin, {
        method: 'PUT',
        url: at('partner'),
        payload: { ...app, name: `Name ${index}` },
        headers: ifMatch(1),
      })
    const replies = await fire(
      identity,
      Array.from({ length: 10 }, (_, index) => put(index)),
    )
    t.equal(replies.filter(({ status }) => status === 200).length, 1)
    t.ok(replies.every(({ status }) => status === 200 || status === 412))
  })
})
