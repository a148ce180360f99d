// SECURITY 2, F21 and F22: nothing of the feed is decided by a clock. A region whose clock is off is heard of, and one that
// is off by little refuses nobody; a centre whose clock is set back tells and revokes as before.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { readRegionSync } from '../../services/identity/src/directory/region-health.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { onPostgresql } from '../support/databases.ts'
import { undisturbedPlace } from '../support/feed-cluster.ts'
import { createScenarios } from '../support/feed-scenarios.ts'
import { CODES, type Code, startFeedWorld } from '../support/feed-world.ts'
import { createFeedWriter } from '../support/feed-writer.ts'
import { propertySeed } from '../support/property-seed.ts'

t.setTimeout(200_000)

const CHANGES = 800

await onPostgresql(t, 'whatever the clocks say, changes and revocations come', async (t, makePlace) => {
  const [centre, first, second] = [
    (await undisturbedPlace(t)) ?? (await makePlace('identity')),
    await makePlace('region'),
    await makePlace('region'),
  ]
  const centreUrl = centre.url ?? ''
  const world = await startFeedWorld({
    centre: centreUrl,
    regions: { in: first.url ?? '', us: second.url ?? '' },
  })
  t.teardown(world.stop)
  const seed = propertySeed()
  const writer = createFeedWriter({ url: centre.url ?? '', seed, organizations: 12, people: 300 })
  await writer.begin()
  t.teardown(writer.stop)
  const { run, print } = createScenarios(
    t,
    () => world,
    () => writer,
  )
  t.teardown(() => {
    print()
    t.comment(`seed ${seed}`)
  })

  const db = await openIdentityStore({ url: centreUrl, poolSize: 1 })
  t.teardown(db.close)
  /** What the centre says of the region's clock, once it has been told of it: regions report each 15 s. */
  const alarmsOf = async (code: Code, seconds: number) => {
    for (let attempt = 0; attempt < 600; attempt += 1) {
      const { regions } = await readRegionSync({ db })
      const region = regions.find((one) => one.region === code)
      const skewMs = region?.followers[0]?.clock_skew_ms
      const isTold = skewMs != null && Math.abs(skewMs - seconds * 1000) < 5_000
      if (isTold) return region?.alarms.filter((alarm) => alarm.includes('clock'))
      await sleep(100)
    }
    throw new Error('the centre was not told')
  }
  const revokes = async (code: Code, title: string) => {
    const sid = world.makeId()
    const token = world.token(code, { sid, sub: world.makeId(), mid: world.makeId(), org_id: world.makeId() })
    const before = await world.ask(code, token)
    await world.centreDatabase().query("INSERT INTO revocation (kind, subject) VALUES ('session', $1)", [sid])
    const deadline = performance.now() + 30_000
    let status = before.status
    while (status === before.status && performance.now() < deadline) status = (await world.ask(code, token)).status
    return t.strictSame([before.status, status], [200, 401], title)
  }

  const offsets: readonly Readonly<Record<Code, number>>[] = [
    { in: 10, us: -30 },
    { in: -90, us: 3600 },
  ]
  for (const seconds of offsets) {
    const title = `the regions' clocks are ${seconds.in} s and ${seconds.us} s ahead`
    await run({
      title,
      changes: CHANGES,
      fault: async () => {
        for (const code of CODES) await world.setRegionClock(code, seconds[code] * 1000)
        if (seconds.in === 10) await revokes('in', `${title}: in lets in, and hears of a revocation`)
        return 2
      },
    })
    for (const code of CODES) {
      const alarms = await alarmsOf(code, seconds[code])
      if (Math.abs(seconds[code]) < 60) t.strictSame(alarms, [], `${title}: none is alarmed by that`)
      else t.match(alarms, [/^region-.*: its clock is [0-9]+ s (ahead|behind)$/], `${title}: and the centre says so`)
    }
  }
  for (const code of CODES) await world.setRegionClock(code, 0)

  await run({
    title: "the centre's clock is set back by an hour",
    changes: CHANGES,
    fault: async () => {
      await world
        .centreDatabase()
        .query(`CREATE OR REPLACE FUNCTION meridian_now() RETURNS timestamptz LANGUAGE sql STABLE
        PARALLEL SAFE AS 'SELECT statement_timestamp() - interval ''1 hour'''`)
      await world.setCentreClock(-3_600_000)
      await revokes('in', 'a revocation comes from a centre whose clock was set back')
      return 1
    },
  })
})
