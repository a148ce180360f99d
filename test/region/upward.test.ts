// What a region tells the centre of itself: how it stands, what it counted, what its organizations used; and the orders
// that it carries out.
import type { SyncProgress } from '@meridian/protocol/sync-orders'
import t from 'tap'
import { readRegionSync } from '../../services/identity/src/directory/region-health.ts'
import { declareRestored } from '../../services/identity/src/sessions/restored.ts'
import { entomb } from '../../services/region/src/store/erased-subjects.ts'
import { holdOrder } from '../../services/region/src/store/order-leases.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { eachEngine, embeddedPlace, onPostgresql } from '../support/databases.ts'
import { startDirectoryWorld } from './directory-world.ts'
import { startCentre, startRegion } from './region-service.ts'

const ADA = { email: 'ada@acme.test' }
const LIN = { email: 'lin@acme.test' }
/** A UUIDv7 of a number `n`. */
const MADE_ID = "('01930000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid"
const DAY = new Date().toISOString().slice(0, 10)

await eachEngine(t, 'the centre is told how a region stands', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { app, deps, follow, get } = await world.startRegion(await makePlace('region'))
  await follow()
  const token = await world.tokenOf(ADA)
  const { org_id: orgId } = await world.membershipOf(ADA)
  const post = { method: 'POST' as const, url: '/v1/records', payload: { title: 'x' } }
  const headers = { host: 'api.in.example.test', authorization: `Bearer ${token}` }
  for (let count = 0; count < 3; count += 1) t.equal((await app.inject({ ...post, headers })).statusCode, 201)
  t.equal((await get('/crm', token)).status, 403)
  await deps.usage.flush()
  await deps.stateReporter.refresh()
  const reportOf = async () => {
    const [row] = await world.change("SELECT report FROM region_report WHERE region = 'in'")
    return row?.['report'] as Record<string, unknown>
  }
  t.match(await reportOf(), {
    build: 'a build of a test',
    behind_seconds: 0,
    feed_stale_seconds: 0,
    revocations_stale_seconds: 0,
    kids: ['k1'],
    held: { organizations: 1, users: 3, memberships: 3 },
    parked: 0,
    rebuilding: false,
  })
  t.equal((await reportOf())['cursor'], deps.directory.follower.place()?.cursor)
  const counts = () =>
    world.change(
      "SELECT members, records::integer AS records FROM tenant_report WHERE org_id = $1 AND region = 'in'",
      orgId,
    )
  t.strictSame(await counts(), [{ members: 3, records: 3 }])
  const used = () =>
    world.change(
      'SELECT day::text AS day, requests::integer AS requests, refused::integer AS refused FROM usage_daily WHERE org_id = $1',
      orgId,
    )
  t.strictSame(await used(), [{ day: DAY, requests: 4, refused: 1 }])

  await deps.stateReporter.refresh()
  t.strictSame(await used(), [{ day: DAY, requests: 4, refused: 1 }], 'told again it is the same')
  t.equal((await app.inject({ ...post, headers })).statusCode, 201)
  await world.change(
    "UPDATE membership SET status = 'removed', version = version + 1 WHERE region = 'in' AND role = 'member'",
  )
  await follow()
  await deps.usage.flush()
  await deps.stateReporter.refresh()
  t.strictSame(await used(), [{ day: DAY, requests: 5, refused: 1 }])
  t.strictSame(await counts(), [{ members: 1, records: 4 }])

  for (const table of ['usage_daily', 'tenant_report']) await world.change(`DELETE FROM ${table}`)
  await declareRestored(world.identity.deps, false)
  await follow()
  await deps.stateReporter.refresh()
  t.strictSame(await used(), [{ day: DAY, requests: 5, refused: 1 }], 'a centre that was restored is told again')
  t.strictSame(await counts(), [{ members: 1, records: 4 }])
})

t.test('only what has changed is told, and again where the centre did not take it', async (t) => {
  const centre = await startCentre(t)
  const organization = { slug: 'acme', name: 'Acme', status: 'active', subscription_tier: 'free', settings: {} }
  centre.feed = [{ kind: 'organization', id: idOf('acme'), state: organization }]
  const { as, deps, follow } = await startRegion(t, await embeddedPlace('region'), { centre })
  await follow()
  await as()('GET', '/v1/records')
  await deps.usage.flush()
  centre.away = true
  await deps.stateReporter.refresh()
  centre.away = false
  await deps.stateReporter.refresh()
  const used = { org_id: idOf('acme'), requests: 1, refused: 0 }
  t.match(centre.reports[0], { tenants: [{ org_id: idOf('acme'), members: 0, records: 0 }], usage: [used] })
  await deps.stateReporter.refresh()
  const { tenants, usage } = centre.reports[0] ?? {}
  t.strictSame({ tenants, usage }, { tenants: [], usage: [] })
  await as()('POST', '/v1/records', { payload: { title: 'x' } })
  await deps.usage.flush()
  await deps.stateReporter.refresh()
  t.match(centre.reports[0], { tenants: [{ records: 1 }], usage: [{ requests: 2 }] })
})

t.test('a centre that was restored is told everything again, some at a time, and once', async (t) => {
  const centre = await startCentre(t)
  const organization = { slug: 'acme', name: 'Acme', status: 'active', subscription_tier: 'free', settings: {} }
  centre.feed = [{ kind: 'organization', id: idOf('acme'), state: organization }]
  const { deps, follow } = await startRegion(t, await embeddedPlace('region'), { centre })
  await follow()
  const report = async () => {
    await deps.stateReporter.refresh()
    const { tenants = [], usage = [] } = centre.reports[0] ?? {}
    return { tenants: tenants.length, usage: usage.length }
  }
  t.strictSame(await report(), { tenants: 1, usage: 0 })
  const days = {
    name: 'count_days',
    text: `INSERT INTO usage_daily (org_id, day, requests, refused)
    SELECT ${MADE_ID}, $1::text::date, 1, 0 FROM generate_series(1, 700) AS n`,
  }
  await deps.database.sql(days, [DAY])
  t.strictSame(await report(), { tenants: 0, usage: 500 })
  t.strictSame(await report(), { tenants: 0, usage: 200 })
  const organizations = {
    name: 'count_organizations',
    text: `WITH o AS (INSERT INTO organization (id, slug, name, status, subscription_tier, settings)
      SELECT ${MADE_ID}, 'o' || n, 'o', 'active', 'free', '{}' FROM generate_series(1, 450) n RETURNING id)
    INSERT INTO tenant_count (org_id, members, records, told_epoch) SELECT id, 0, 0, 1 FROM o`,
  }
  await deps.database.sql(organizations, [])
  t.strictSame(await report(), { tenants: 0, usage: 0 }, 'nothing is new')

  centre.epoch = 2
  await deps.database.sql({ name: 'lose_place', text: 'UPDATE replica_place SET cursor = NULL, turn = turn + 1' }, [])
  await follow()
  centre.away = true
  await deps.stateReporter.refresh()
  centre.away = false
  t.strictSame(await report(), { tenants: 400, usage: 500 })
  t.strictSame(await report(), { tenants: 51, usage: 200 })
  t.strictSame(await report(), { tenants: 0, usage: 0 })
})

await onPostgresql(t, 'what several processes count adds up', async (t, makePlace) => {
  const centre = await startCentre(t)
  const place = await makePlace('region')
  const one = await startRegion(t, place, { centre })
  const two = await startRegion(t, place, { centre })
  for (let round = 0; round < 5; round += 1) {
    for (const { as } of [one, two]) {
      for (let count = 0; count < 3; count += 1) await as()('GET', '/v1/me/context')
      await as({ role: 'viewer' })('POST', '/v1/records', { payload: { title: 'x' } })
    }
    await Promise.all([one.deps.usage.flush(), two.deps.usage.flush()])
  }
  await one.deps.stateReporter.refresh()
  t.match(centre.reports[0]?.usage, [{ requests: 40, refused: 10 }])
  await as3(one.as)
  await one.stop()
  await two.deps.stateReporter.refresh()
  t.match(centre.reports[0]?.usage, [{ requests: 43 }], 'who stops adds what is left')
})

async function as3(as: Awaited<ReturnType<typeof startRegion>>['as']): Promise<void> {
  for (let count = 0; count < 3; count += 1) await as()('GET', '/v1/me/context')
}

await eachEngine(t, 'orders to compare, mend and rebuild are carried out, and told of', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, deps, follow, lines } = await world.startRegion(await makePlace('region'))
  await follow()
  const order = async (kind: string, isForced = false) => {
    const id = idOf(`${kind} ${Math.random()}`)
    const insert = "INSERT INTO sync_order (id, region, kind, is_forced) VALUES ($1, 'in', $2, $3)"
    await world.change(insert, id, kind, isForced)
    for (let turn = 0; turn < 20; turn += 1) {
      await deps.directory.follower.refresh()
      await deps.directory.orders.settle()
      const [row] = await world.change('SELECT status, report FROM sync_order WHERE id = $1', id)
      if (row?.['status'] === 'done' || row?.['status'] === 'failed') return row
    }
    throw new Error('the order is still open')
  }
  t.match(await order('compare'), { status: 'done', report: { differing: 0, mended: 0, named: [], error: null } })
  const spoil =
    "UPDATE replica_entity SET state = jsonb_set(state, '{name}', '\"Mallory\"') WHERE kind = 'user' AND state ->> 'name' = 'Lin'"
  await database.sql({ name: 'spoil', text: spoil }, [])
  await database.sql({ name: 'spoil_table', text: "UPDATE user_account SET name = 'Mallory' WHERE name = 'Lin'" }, [])
  t.match(await order('compare'), {
    status: 'done',
    report: { differing: 1, mended: 0, named: [{ kind: 'user', what: 'different' }] },
  })
  t.equal(await database.prisma.userAccount.count({ where: { name: 'Mallory' } }), 1, 'comparing changes nothing')
  t.match(await order('repair'), { status: 'done', report: { differing: 1, mended: 1 } })
  t.equal(await database.prisma.userAccount.count({ where: { name: 'Lin' } }), 1, 'in the tables too')
  await database.sql({ name: 'spoil_again', text: spoil }, [])
  t.match(await order('rebuild'), { status: 'done', report: { error: null } })
  t.equal(await database.prisma.userAccount.count({ where: { name: 'Lin' } }), 1)
  t.match(await order('compare'), { report: { differing: 0 } })
  const members = await database.prisma.membership.count()
  t.ok(members > 0)
  await world.change('CREATE TABLE kept_change AS SELECT * FROM change')
  await world.change('DELETE FROM change')
  const refused = { status: 'failed', report: { mended: 0, error: /would be taken away/ } }
  t.match(await order('repair'), refused, 'a centre that lists nothing takes nothing away')
  t.match(await order('rebuild'), refused)
  const unasked = deps.directory.reconciler.refresh()
  for (let turn = 0; turn < 20; turn += 1) await deps.directory.follower.refresh()
  await unasked
  t.match(lines.filter((line) => /had drifted/.test(line)).join(), /"alarm":true/)
  t.equal(await database.prisma.membership.count(), members)
  t.match(await order('repair', true), { status: 'done', report: { error: null } })
  t.equal(await database.prisma.membership.count(), 0, 'by force')
  await world.change('INSERT INTO change OVERRIDING SYSTEM VALUE SELECT * FROM kept_change')
  await world.change('DROP TABLE kept_change')
})

t.test('of several processes one is at an order, and a rebuild that ended meanwhile is not done again', async (t) => {
  const centre = await startCentre(t)
  const { database, deps } = await startRegion(t, await embeddedPlace('region'), { centre })
  const id = idOf('an order')
  const held = { id, generation: '0', done: 7 }
  t.ok(await holdOrder(database, { ...held, holder: idOf('another process') }))
  deps.directory.orders.take([{ id, kind: 'rebuild' }])
  await deps.directory.orders.settle()
  t.strictSame(centre.progress, [], 'another one is at it')
  await database.sql(
    { name: 'age', text: "UPDATE order_lease SET renewed_at = renewed_at - interval '31 seconds'" },
    [],
  )
  deps.directory.orders.take([{ id, kind: 'rebuild' }])
  await deps.directory.orders.settle()
  t.match(centre.progress as SyncProgress[], [{ status: 'done', done: 7 }])
  deps.directory.orders.take([{ id: idOf('another order'), kind: 'invent' }])
  await deps.directory.orders.settle()
  t.equal(centre.progress.length, 1, 'what is not known here is passed over')
})

t.test('what fails is told as failed, and is not done again because the centre did not hear of it', async (t) => {
  const centre = await startCentre(t)
  const { deps, lines } = await startRegion(t, await embeddedPlace('region'), { centre })
  const { follower, orders } = deps.directory
  const followUntil = async (isSo: () => boolean) => {
    for (let turn = 0; turn < 200 && !isSo(); turn += 1) {
      await follower.refresh()
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.ok(isSo())
  }
  centre.syncOrders = [{ id: idOf('an order'), kind: 'compare' }]
  await followUntil(() => centre.progress.length > 0)
  centre.refusesProgress = true
  await followUntil(() => lines.some((line) => line.includes('an order is still open')))
  await orders.settle()
  centre.refusesProgress = false
  await followUntil(() => centre.syncOrders.length === 0)
  t.equal(centre.progress[0]?.status, 'running')
  t.match(centre.progress.at(-1), { status: 'failed', report: { error: /./ } })
  t.equal(centre.progress.filter(({ status }) => status === 'running').length, 1, 'begun once')
})

t.test(
  'what is held is compared with the centre now and then, and what has drifted is mended and told of',
  async (t) => {
    const world = await startDirectoryWorld(t, () => embeddedPlace('identity'))
    const { database, deps, finish, follow, lines } = await world.startRegion(await embeddedPlace('region'))
    await follow()
    const { mid } = await world.membershipOf(ADA)
    const roleOf = async () => {
      const text = 'SELECT role FROM membership WHERE id = $1::text::uuid'
      const [row] = await database.sql({ name: 'role_of_test', text }, [mid])
      return row?.['role']
    }
    const reconcile = () => finish(deps.directory.reconciler.refresh())
    await reconcile()
    t.ok(lines.some((line) => line.includes('what is held is what the centre has')))
    t.notOk(lines.some((line) => line.includes('had drifted')))

    const tamper = `UPDATE replica_entity SET state = state || '{"role": "viewer"}' WHERE kind = 'membership' AND id = $1::text RETURNING id`
    t.equal((await database.sql({ name: 'tamper_of_test', text: tamper }, [mid])).length, 1)
    const alter = "UPDATE membership SET role = 'viewer' WHERE id = $1::text::uuid RETURNING role"
    t.equal((await database.sql({ name: 'alter_of_test', text: alter }, [mid])).length, 1)
    await reconcile()
    t.equal(await roleOf(), 'manager')
    const [told = '{}'] = lines.filter((line) => line.includes('had drifted'))
    t.match(JSON.parse(told), { alarm: true, differing: 1, mended: 1, named: [{ kind: 'membership', id: mid }] })
  },
)

await eachEngine(
  t,
  'who is listed again stays erased, and the centre is told until it erases them',
  async (t, makePlace) => {
    const world = await startDirectoryWorld(t, makePlace)
    const { database, deps, finish, follow, lines } = await world.startRegion(await makePlace('region'))
    await follow()
    // One that began before.
    await deps.stateReporter.refresh()
    const { sub } = await world.membershipOf(LIN)
    await entomb(database, { kind: 'user', subjectId: String(sub) })
    const reconcile = async () => {
      await finish(deps.directory.reconciler.refresh())
      await deps.stateReporter.refresh()
      const alarms = lines.map((line) => JSON.parse(line)).filter(({ alarm }) => alarm === true)
      lines.length = 0
      return alarms.map(({ msg }) => msg)
    }
    const told = async () => {
      const { regions } = await readRegionSync(world.identity.deps)
      const [region] = regions.filter(({ region }) => region === 'in')
      return region?.alarms.filter((alarm) => alarm.includes('erased'))
    }
    lines.length = 0
    t.strictSame(await reconcile(), ['the centre lists again whom this region has erased', 'what is held had drifted'])
    t.strictSame(await told(), [`region-in: it has erased who is listed again: ${sub}`])
    t.strictSame(await reconcile(), [], 'a difference is an alarm once')
    t.strictSame(await told(), [`region-in: it has erased who is listed again: ${sub}`], 'and stands while it is there')
    const kept = { name: 'read_person', text: 'SELECT name FROM user_account WHERE id = $1::text::uuid' }
    t.strictSame(await database.sql(kept, [sub]), [], 'they do not come back here')

    await world.change('DELETE FROM membership WHERE user_id = $1', String(sub))
    await follow()
    t.strictSame(await reconcile(), [])
    t.strictSame(await told(), [])
  },
)
