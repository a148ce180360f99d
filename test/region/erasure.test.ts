// What the centre orders to be erased is gone, stays gone, and is acknowledged only then.
import { withTransaction } from '@meridian/database/transaction'
import type { OrgId } from '@meridian/protocol/ids'
import t from 'tap'
import { entomb } from '../../services/region/src/store/erased-subjects.ts'
import { withTenant } from '../../services/region/src/store/tenant-transaction.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { emptyDataFolder } from '../support/data-folder.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { type RegionService, startCentre, startRegion } from './region-service.ts'

const ACME = idOf('acme') as OrgId
const GLOBEX = idOf('globex') as OrgId

function record(name: string, orgId: string, createdBy = 'ada') {
  const at = new Date(0)
  return { id: idOf(name), orgId, title: name, body: '', createdBy: idOf(createdBy), createdAt: at, updatedAt: at }
}

async function fill({ database }: RegionService, orgId: OrgId, count: number): Promise<void> {
  const data = Array.from({ length: count }, (_, index) => record(`${orgId} ${index}`, orgId))
  await withTenant(database, orgId, (db) => db.prisma.record.createMany({ data }))
}

const countOf = ({ database }: RegionService, orgId: OrgId) =>
  withTenant(database, orgId, (db) => db.prisma.record.count())

const order = (kind: 'user' | 'organization', name: string) => ({
  id: idOf(`order of ${name}`),
  kind,
  subject_id: idOf(name),
})

await eachEngine(
  t,
  'an organization is erased whole, its neighbour is not touched, and nobody comes back',
  async (t, makePlace) => {
    const region = await startRegion(t, await makePlace('region'))
    const { centre, deps, as, database, lines } = region
    await fill(region, ACME, 1203)
    await fill(region, GLOBEX, 3)
    centre.orders = [order('organization', 'acme')]
    await deps.erasures.refresh()
    t.equal(await countOf(region, ACME), 0)
    t.equal(await countOf(region, GLOBEX), 3)
    t.strictSame(centre.acknowledged, [idOf('order of acme')])
    t.match(lines.join(''), /"rows":1203.*erased/)
    t.equal((await as()('GET', '/v1/records')).statusCode, 401, 'whatever a token says')
    await t.rejects(
      withTenant(database, ACME, (db) => db.prisma.record.create({ data: record('again', ACME) })),
      'nothing is written over a tombstone',
    )
    const globex = { org_id: GLOBEX, sub: idOf('max'), sid: idOf('s'), mid: idOf('m') }
    t.equal((await as(globex)('GET', '/v1/records')).statusCode, 200)
    t.equal((await as(globex)('POST', '/v1/records', { payload: { title: 'x' } })).statusCode, 201)
    await deps.erasures.refresh()
    t.equal(centre.acknowledged.length, 1, 'an order that is acknowledged is not asked about again')
  },
)

await eachEngine(
  t,
  'a person who is erased is let in no more; what they wrote is their organization’s',
  async (t, makePlace) => {
    const made = await makePlace('region')
    const place = made.url === undefined ? { embedded: { folder: await emptyDataFolder(t) } } : made
    const centre = await startCentre(t)
    const region = await startRegion(t, place, { centre })
    const created = await region.as()('POST', '/v1/records', { payload: { title: 'kept' } })
    centre.orders = [order('user', 'ada')]
    await region.deps.erasures.refresh()
    t.strictSame(centre.acknowledged, [idOf('order of ada')])
    const url = String(created.headers.location)
    t.equal((await region.as({ sid: idOf('new') })('GET', url)).statusCode, 401)
    const lin = { sub: idOf('lin'), sid: idOf('lin’s'), mid: idOf('lin in acme') }
    t.match((await region.as(lin)('GET', url)).json(), { title: 'kept', created_by: idOf('ada') })
    await region.database.sql(
      { name: 'age_tombstones', text: "UPDATE erased_subject SET erased_at = erased_at - interval '1 day'" },
      [],
    )
    await region.stop()
    centre.away = true
    const again = await startRegion(t, place, { centre })
    t.equal((await again.as()('GET', url)).statusCode, 401, 'after a restart too')
    t.equal((await again.as(lin)('GET', url)).statusCode, 200)
  },
)

await eachEngine(
  t,
  'what is not acknowledged is done again, and one order that fails holds up no other',
  async (t, makePlace) => {
    const region = await startRegion(t, await makePlace('region'))
    const { centre, deps, database } = region
    await fill(region, ACME, 5)
    centre.orders = [order('organization', 'acme'), order('user', 'lin')]
    centre.refusesAcknowledgements = true
    await deps.erasures.refresh()
    t.equal(await countOf(region, ACME), 0, 'erased')
    t.strictSame(centre.acknowledged, [], 'and not known to be')
    centre.refusesAcknowledgements = false
    await database.sql({ name: 'hide_records', text: 'ALTER TABLE record RENAME TO away' }, [])
    await deps.erasures.refresh()
    t.strictSame(centre.acknowledged, [idOf('order of lin')], 'what was not done is not acknowledged')
    await database.sql({ name: 'show_records', text: 'ALTER TABLE away RENAME TO record' }, [])
    await deps.erasures.refresh()
    t.strictSame(centre.acknowledged.sort(), [idOf('order of acme'), idOf('order of lin')].sort())
  },
)

await eachEngine(t, 'every table with rows of organizations is one that is erased', async (t, makePlace) => {
  const { database } = await startRegion(t, await makePlace('region'))
  const tables = await database.sql(
    {
      name: 'tables_of_organizations',
      text: "SELECT table_name::text AS name FROM information_schema.columns WHERE column_name = 'org_id' AND table_schema = current_schema()",
    },
    [],
  )
  const erased = ['entitlement', 'membership', 'organization_domain', 'provisional_membership', 'record']
  const counted = ['tenant_count', 'usage_daily']
  t.strictSame(
    tables.map(({ name }) => name).sort(),
    [...erased, ...counted, 'isolation_probe'].sort(),
    'see store/erased-subjects.ts, directory-erasure.ts',
  )
})

await eachEngine(t, 'a tenant sees no other tombstone', async (t, makePlace) => {
  const { database } = await startRegion(t, await makePlace('region'))
  await entomb(database, { kind: 'organization', subjectId: ACME })
  await entomb(database, { kind: 'user', subjectId: GLOBEX })
  const count = { name: 'count_tombstones', text: 'SELECT count(*)::integer AS count FROM erased_subject' }
  t.strictSame(await withTenant(database, GLOBEX, (db) => db.sql(count, [])), [{ count: 0 }])
  t.strictSame(await withTenant(database, ACME, (db) => db.sql(count, [])), [{ count: 1 }])
  t.strictSame(await withTransaction(database, (db) => db.sql(count, [])), [{ count: 2 }])
})

await onPostgresql(t, 'a request that was let in before writes nothing after', async (t, makePlace) => {
  const region = await startRegion(t, await makePlace('region'))
  const { centre, deps, database } = region
  await fill(region, ACME, 3)
  centre.orders = [order('organization', 'acme')]
  const written = Promise.withResolvers<void>()
  const proceed = Promise.withResolvers<void>()
  const late = withTenant(database, ACME, async (db) => {
    await db.prisma.record.create({ data: record('late', ACME) })
    written.resolve()
    await proceed.promise
  })
  await written.promise
  const erasing = deps.erasures.refresh()
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.strictSame(centre.acknowledged, [], 'it is waited for')
  proceed.resolve()
  await late
  await erasing
  t.equal(await countOf(region, ACME), 0)
  t.strictSame(centre.acknowledged, [idOf('order of acme')])
})
