// Counting organizations holds up no report: a while for all of them, and less and less of it for those that fail.
import type { OrgId } from '@meridian/protocol/ids'
import t from 'tap'
import { createTenantCounter } from '../../services/region/src/replica/count-tenants.ts'
import { openRegionStore, type RegionDatabase } from '../../services/region/src/store/open-store.ts'
import { noteToldCounts } from '../../services/region/src/store/tenant-counts.ts'
import { idOf, silentLog } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'

async function setUp(organizations: number) {
  const database = await openRegionStore(await embeddedPlace('region'))
  t.teardown(() => database.close())
  const ids = Array.from({ length: organizations }, (_, n) => idOf(`organization ${n}`) as OrgId).sort()
  await database.prisma.organization.createMany({
    data: ids.map((id) => ({ id, slug: id, name: id, status: 'active', subscriptionTier: 'free', settings: {} })),
  })
  const world = {
    nowMs: 0,
    countTakesMs: 0,
    failing: new Set<string>(),
    counted: [] as string[],
    active: [] as OrgId[],
  }
  const begin: RegionDatabase['begin'] = (work, options) =>
    database.begin((db) => {
      const sql: typeof db.sql = (statement, values) => {
        if (statement.name !== 'count_of_tenant') return db.sql(statement, values)
        world.nowMs += world.countTakesMs
        world.counted.push(String(values[0]))
        if (world.failing.has(String(values[0]))) throw new Error('canceling statement due to statement timeout')
        return db.sql(statement, values)
      }
      return work({ ...db, sql })
    }, options)
  const counter = createTenantCounter({
    database: { ...database, begin },
    takeActive: () => world.active.splice(0),
    nowMs: () => world.nowMs,
    log: silentLog,
  })
  const report = async () => {
    world.counted.length = 0
    await noteToldCounts(database, null, await counter.countChanged())
    return world.counted
  }
  return { ids, world, report }
}

t.test('what does not fit into a second waits for the next report, and all come round', async (t) => {
  const { ids, world, report } = await setUp(30)
  world.countTakesMs = 250
  world.active.push(...ids.slice(20))
  t.strictSame(await report(), ids.slice(20, 24))
  t.strictSame(await report(), ids.slice(24, 28))
  t.strictSame(await report(), [...ids.slice(28), ...ids.slice(0, 2)])
  const others = new Set<string>()
  for (let reports = 0; reports < 8; reports += 1) for (const id of await report()) others.add(id)
  t.equal(others.size, 30)
})

t.test('who cannot be counted is asked for less and less, and holds up nobody', async (t) => {
  const { ids, world, report } = await setUp(3)
  const [slow, ...rest] = ids
  world.failing.add(String(slow))
  const asked: number[] = []
  for (let second = 0; second < 1000; second += 10) {
    world.nowMs = second * 1000
    world.active.push(slow as OrgId)
    const counted = await report()
    t.ok(rest.every((id) => counted.includes(id)))
    if (counted.includes(String(slow))) asked.push(second)
  }
  t.strictSame(asked, [0, 60, 180, 420, 900])
  world.failing.clear()
  world.nowMs = 2_000_000
  t.ok((await report()).includes(String(slow)))
  t.ok((await report()).includes(String(slow)), 'and then like everybody')
})
