// SECURITY 2 with the centre and a region as processes: killed while revocations come, neither loses one; with the centre
// away a region that restarts refuses what it was told, and what was committed meanwhile is told when it is back.
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { startLaneWorld } from '../support/lane-world.ts'

t.setTimeout(140_000)

const KILLS = 3

await onPostgresql(t, 'whoever is killed, no revocation is lost', async (t, makePlace) => {
  const [centre, region] = [await makePlace('identity'), await makePlace('region')]
  const world = await startLaneWorld({ centreDatabase: centre.url ?? '', regionDatabases: { in: region.url ?? '' } })
  t.teardown(world.stop)
  const live = world.makeId()
  t.equal(await world.statusOf(live), 200)
  const first = await world.revoke()
  await world.untilRefused(first)
  t.equal(await world.statusOf(live), 200, 'and nobody else is refused')

  const revoked = [first]
  let isOver = false
  const revoking = (async () => {
    while (!isOver) {
      revoked.push(await world.revoke())
      await sleep(15)
    }
  })()
  for (let kill = 0; kill < KILLS; kill += 1) {
    await world.killRegion()
    await world.startRegion()
    await sleep(100 + kill * 130)
  }
  isOver = true
  await revoking
  t.ok(revoked.length > KILLS * 10, `${revoked.length} revocations over ${KILLS} kills of the region`)
  for (const sid of revoked) await world.untilRefused(sid)

  // What is refused is stored a moment later.
  await sleep(500)
  await world.killCentre()
  await world.killRegion()
  const meanwhile = await world.revoke()
  await world.startRegion()
  const kept = await Promise.all(revoked.map((sid) => world.statusOf(sid)))
  t.strictSame(new Set(kept), new Set([401]), 'a region that restarts without the centre refuses what it was told')
  t.equal(await world.statusOf(live), 200, 'and serves')
  t.equal(await world.statusOf(meanwhile), 200, 'what nobody could tell it is yet to come')
  await world.startCentre()
  await world.untilRefused(meanwhile)
  t.equal(await world.statusOf(live), 200)
})
