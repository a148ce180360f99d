// SECURITY 2, F26, F27 and F34: a database that dies, or is put back to an earlier moment, of the centre or of a region;
// a region that was away for longer than the centre remembers. Each ends with regions that hold what the centre has.
import t from 'tap'
import { compactSome, forgetSomeGone } from '../../services/identity/src/store/feed-compaction.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { onPostgresql } from '../support/databases.ts'
import { type Cluster, startCluster } from '../support/feed-cluster.ts'
import { createScenarios } from '../support/feed-scenarios.ts'
import { startFeedWorld } from '../support/feed-world.ts'
import { createFeedWriter, type Writer } from '../support/feed-writer.ts'
import { meridian } from '../support/meridian-command.ts'
import { propertySeed } from '../support/property-seed.ts'

t.setTimeout(290_000)

const CHANGES = 2500

await onPostgresql(t, 'restored, crashed or long away, a region is mended', async (t, makePlace) => {
  const centreCluster = await startCluster()
  const regionCluster = await startCluster()
  if (centreCluster === null || regionCluster === null)
    return t.comment('no PostgreSQL server binaries on this machine')
  t.teardown(() => Promise.all([centreCluster.stop(), regionCluster.stop()]))
  const world = await startFeedWorld({
    centre: centreCluster.url,
    regions: { in: regionCluster.url, us: (await makePlace('region')).url ?? '' },
  })
  t.teardown(world.stop)
  const seed = propertySeed()
  let writers = 0
  let writer: Writer | undefined
  /** A new one each time that the centre's database was away: what it knows is no longer so. */
  const beginWriter = async () => {
    await writer?.stop()
    writers += 1
    writer = createFeedWriter({
      url: centreCluster.url,
      seed: seed + writers,
      organizations: 12,
      people: 300,
      number: writers,
    })
    await writer.begin()
  }
  const currentWriter = () => {
    if (writer === undefined) throw new Error('no writer yet')
    return writer
  }
  await beginWriter()
  t.teardown(() => writer?.stop())
  const { run, print } = createScenarios(t, () => world, currentWriter)
  t.teardown(() => {
    print()
    t.comment(`seed ${seed}`)
  })

  const whileDown = async (cluster: Cluster, work: () => Promise<void>) => {
    await cluster.crash()
    await work()
    await cluster.start()
    await world.reconnect()
  }
  const over = async (isOver: () => boolean) => {
    while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 20))
  }

  await run({
    title: "a region's database crashes",
    changes: CHANGES,
    fault: async (isOver) => {
      let crashes = 0
      for (; crashes < 2 || !isOver(); crashes += 1) await whileDown(regionCluster, async () => {})
      return crashes
    },
  })

  await whileDown(regionCluster, regionCluster.keepCopy)
  await run({
    title: "a region's database is put back to an earlier copy",
    changes: CHANGES,
    fault: async (isOver) => {
      await over(isOver)
      await world.untilCaughtUp('in')
      await world.killRegion('in')
      await whileDown(regionCluster, regionCluster.putBack)
      await world.startRegion('in')
      return 1
    },
  })

  await run({
    title: 'the same under a region that goes on running',
    changes: CHANGES,
    fault: async (isOver) => {
      await over(isOver)
      await whileDown(regionCluster, regionCluster.putBack)
      return 1
    },
  })

  await run({
    title: "the centre's database crashes",
    changes: CHANGES,
    fault: async (isOver) => {
      await over(isOver)
      await whileDown(centreCluster, async () => {})
      await beginWriter()
      await currentWriter().write(CHANGES)
      await whileDown(centreCluster, async () => {})
      await beginWriter()
      return 2
    },
  })

  for (const isSaid of [false, true]) {
    await whileDown(centreCluster, centreCluster.keepCopy)
    await beginWriter()
    await run({
      title: `the centre's database is put back to an earlier moment, ${isSaid ? 'and it is said' : 'and nobody says so'}`,
      changes: CHANGES,
      mayGoBack: true,
      fault: async (isOver) => {
        await over(isOver)
        // One has heard everything that is to be forgotten, the other one half of it.
        await world.untilCaughtUp('us')
        await world.killRegion('us')
        await currentWriter().write(CHANGES)
        await world.untilCaughtUp('in')
        await world.killCentre()
        await whileDown(centreCluster, centreCluster.putBack)
        if (isSaid) {
          const { code, err } = await meridian(world.centreEnvironment(), 'restored')
          t.equal(code, 0, err)
        }
        writers -= 1
        await beginWriter()
        await currentWriter().write(CHANGES * (isSaid ? 1 : 3))
        await world.startCentre()
        await world.startRegion('us')
        return 1
      },
    })
  }

  const db = await openIdentityStore({ url: centreCluster.url, poolSize: 1 })
  t.teardown(db.close)
  await run({
    title: 'a region is away for longer than the centre remembers',
    changes: CHANGES,
    fault: async (isOver) => {
      await world.killRegion('us')
      await over(isOver)
      await world.centreDatabase().query("UPDATE change SET created_at = created_at - interval '40 days'")
      while ((await compactSome(db)).mayBeMore);
      while ((await forgetSomeGone(db, 30 * 86_400)).mayBeMore);
      const { rows } = await world.centreDatabase().query("SELECT FROM feed_horizon WHERE region = 'us'")
      t.equal(rows.length, 1, 'something that the region was never told is forgotten')
      await world.startRegion('us')
      return 1
    },
  })
})
