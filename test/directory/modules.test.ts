// What organizations are entitled to, through the API: the licence, its switches, both codes in both situations, and
// what is left when the catalogue changes.
import t from 'tap'
import { applyRegistry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { eachEngine, embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import {
  type IdentityUnderTest,
  type Instance,
  makeSysAdmin,
  type Reply,
  registry,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { ask, fire, patiently, UNHURRIED } from '../support/races.ts'

t.setTimeout(140_000)

const ACME = '/v1/orgs/acme/entitlements'
const SWITCHED = { insights: false, records: true, reports: true }

type World = { identity: IdentityUnderTest; root: string; ada: string; lin: string; max: string }

async function start(t: Tap, place: Parameters<typeof startIdentity>[1], instances = 1): Promise<World> {
  const identity = await startIdentity(t, place, { settings: { ...UNHURRIED, stepUpMaxAgeSeconds: 300 }, instances })
  await makeSysAdmin(identity)
  const tokenOf = async (email: string) => String((await signIn(identity, email)).body['access_token'])
  return {
    identity,
    root: await tokenOf('root@example.test'),
    ada: await tokenOf('ada@acme.test'),
    lin: await tokenOf('lin@acme.test'),
    max: await tokenOf('max@globex.test'),
  }
}
type Tap = Parameters<typeof startIdentity>[0]

const put = (instance: Instance, token: string, url: string, payload: object, ifMatch = '*') =>
  instance.inject({
    method: 'PUT',
    url,
    payload,
    headers: { authorization: `Bearer ${token}`, 'if-match': ifMatch },
  })
const license = (world: World, modules: readonly string[], ifMatch = '*') =>
  put(world.identity, world.root, ACME, { modules }, ifMatch)
const turn = (world: World, module: string, enabled: boolean, ifMatch = '*') =>
  put(world.identity, world.ada, `${ACME}/${module}`, { enabled }, ifMatch)
const switchesOf = (reply: Reply): Record<string, boolean> =>
  Object.fromEntries(reply.body['entitlements'].map((one: Record<string, unknown>) => [one['module'], one['enabled']]))
const asRefused = ({ status, body: { code, module, missing } }: Reply) => ({
  status,
  code,
  module,
  ...(missing === undefined ? {} : { missing }),
})

t.test('entitlements', async (t) => {
  await eachEngine(t, 'a sys-admin licenses, a manager switches, members see what is on', async (t, place) => {
    const world = await start(t, await place('identity'))
    const { identity } = world
    t.match((await identity.get(ACME, world.lin)).body, { entitlements: [], version: 1 })
    const licensed = await license(world, ['records', 'reports'])
    t.strictSame(switchesOf(licensed), { records: true, reports: true })
    t.equal(licensed.headers['etag'], `"${licensed.body['version']}"`)
    t.strictSame(switchesOf(await turn(world, 'reports', false)), { records: true, reports: false })
    t.strictSame(switchesOf(await identity.get(ACME, world.ada)), { records: true, reports: false })
    t.strictSame(switchesOf(await identity.get(ACME, world.root)), { records: true, reports: false })
    t.strictSame(switchesOf(await identity.get(ACME, world.lin)), { records: true }, 'members see no licence')
    t.equal((await identity.get(ACME, world.max)).status, 403)
    t.equal((await put(identity, world.lin, `${ACME}/reports`, { enabled: true })).status, 403)
    t.equal((await put(identity, world.max, `${ACME}/reports`, { enabled: true })).status, 403)
    t.equal((await put(identity, world.ada, ACME, { modules: [] })).status, 403)
    t.equal((await put(identity, world.root, `${ACME}/reports`, { enabled: true })).status, 403, 'not a manager')
    const kinds = await ask(
      identity,
      "SELECT kind, details FROM audit_event WHERE kind LIKE 'entitlement.%' ORDER BY id",
    )
    t.match(kinds, [
      { kind: 'entitlement.licensed', details: { modules: ['records', 'reports'] } },
      { kind: 'entitlement.switched_off', details: { modules: ['reports'] } },
    ])
    t.equal(kinds.length, 2)
  })

  await eachEngine(t, 'INVALID_MODULE: unknown, or beyond the licence for a manager', async (t, place) => {
    const world = await start(t, await place('identity'))
    await license(world, ['records'])
    const before = (await world.identity.get(ACME, world.root)).body
    t.strictSame(asRefused(await license(world, ['records', 'teleport'])), {
      status: 422,
      code: 'INVALID_MODULE',
      module: 'teleport',
    })
    t.match(asRefused(await license(world, ['Not a key!'])), { status: 422, code: 'INVALID_MODULE' })
    for (const module of ['calendar', 'teleport', 'constructor'])
      for (const enabled of [true, false])
        t.strictSame(asRefused(await turn(world, module, enabled)), { status: 422, code: 'INVALID_MODULE', module })
    t.strictSame((await world.identity.get(ACME, world.root)).body, before, 'nothing changed')
  })

  await eachEngine(t, 'ENHANCEMENT_REQUIRES_STANDALONE in both situations, for both', async (t, place) => {
    const world = await start(t, await place('identity'))
    const refused = (module: string, ...missing: string[]) => ({
      status: 409,
      code: 'ENHANCEMENT_REQUIRES_STANDALONE',
      module,
      missing,
    })
    t.strictSame(asRefused(await license(world, ['reports'])), refused('reports', 'records'), 'granting without')
    t.strictSame(asRefused(await license(world, ['insights'])), refused('insights', 'calendar', 'records'))
    await license(world, ['records', 'calendar', 'reports', 'insights'])
    t.strictSame(
      asRefused(await license(world, ['records', 'reports', 'insights'])),
      refused('insights', 'calendar'),
      'withdrawing from under',
    )
    t.strictSame(asRefused(await turn(world, 'calendar', false)), refused('insights', 'calendar'), 'switched off under')
    t.equal((await turn(world, 'insights', false)).status, 200)
    t.equal((await turn(world, 'calendar', false)).status, 200)
    t.strictSame(asRefused(await turn(world, 'insights', true)), refused('insights', 'calendar'), 'switched on without')
    t.strictSame(switchesOf(await license(world, ['records', 'reports', 'insights', 'calendar'])), {
      calendar: false,
      ...SWITCHED,
    })
    t.strictSame(switchesOf(await license(world, [])), {}, 'all of it at once')
  })

  await eachEngine(t, 'whoever changes it has read it, and a sys-admin has signed in lately', async (t, place) => {
    const world = await start(t, await place('identity'))
    const { version } = (await license(world, ['records'])).body
    t.equal((await license(world, ['records', 'reports'], `"${version - 1}"`)).status, 412)
    t.equal((await turn(world, 'records', false, `"${version + 1}"`)).status, 412)
    const off = await turn(world, 'records', false, `"${version}"`)
    t.equal(off.status, 200)
    t.equal((await turn(world, 'records', true, `"${version}"`)).status, 412)
    t.equal((await turn(world, 'records', false, off.headers['etag'] as string)).body['version'], off.body['version'])
    const headers = { authorization: `Bearer ${world.ada}` }
    const blind = { method: 'PUT', url: `${ACME}/records`, payload: { enabled: true }, headers } as const
    t.equal((await world.identity.inject(blind)).status, 428)
    await shiftClock(world.identity.db, 400)
    t.equal((await license(world, [])).body['code'], 'insufficient_user_authentication')
    t.strictSame(switchesOf(await world.identity.get(ACME, world.root)), { records: false }, 'reading needs none')
  })

  await onPostgresql(t, 'two who act at once never leave an enhancement without its module', async (t, place) => {
    const world = await start(t, await place('identity'), 2)
    for (let round = 0; round < 8; round += 1) {
      await patiently(() => license(world, []))
      await patiently(() => license(world, ['records', 'reports']))
      await patiently(() => turn(world, 'reports', false))
      const replies = await fire(world.identity, [
        (instance) => put(instance, world.ada, `${ACME}/reports`, { enabled: true }),
        (instance) => put(instance, world.ada, `${ACME}/records`, { enabled: false }),
      ])
      const left = switchesOf(await world.identity.get(ACME, world.ada))
      t.notOk(left['reports'] === true && left['records'] === false, JSON.stringify(left))
      t.equal(replies.filter(({ status }) => status === 200).length, 1, 'one of them')
    }
  })
})

t.test('a module that leaves the catalogue serves nobody, and neither does what required it', async (t) => {
  const world = await start(t, await embeddedPlace('identity'))
  await license(world, ['records', 'calendar', 'reports', 'insights'])
  const renamed = registry.modules.map((module) =>
    module.key === 'reports' ? { ...module, requires: ['calendar'] } : module,
  )
  await applyRegistry(world.identity.deps, registrySchema.parse({ ...registry, modules: renamed }))
  t.match(await turn(world, 'calendar', false), { status: 409, body: { module: 'insights' } })
  const without = registry.modules.filter(({ key }) => key === 'records')
  await applyRegistry(world.identity.deps, { ...registry, modules: without })
  t.strictSame(switchesOf(await world.identity.get(ACME, world.lin)), { records: true })
  t.strictSame(asRefused(await turn(world, 'reports', false)), {
    status: 422,
    code: 'INVALID_MODULE',
    module: 'reports',
  })
  t.match((await world.identity.get('/v1/modules', world.lin)).body, { modules: [{ key: 'records', requires: [] }] })
  await applyRegistry(world.identity.deps, registry)
  t.strictSame(Object.values(switchesOf(await world.identity.get(ACME, world.lin))), [true, true, true, true])
})
