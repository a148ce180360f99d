// SECURITY 2, F26 to F28 and F31: whatever is cut, slow, silent or killed between the centre, its regions and their
// databases while a directory changes, each region ends with what the centre has, and no entity goes back on the way.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { undisturbedPlace } from '../support/feed-cluster.ts'
import type { Link } from '../support/feed-link.ts'
import { createScenarios } from '../support/feed-scenarios.ts'
import { CODES, startFeedWorld } from '../support/feed-world.ts'
import { createFeedWriter } from '../support/feed-writer.ts'
import { propertySeed } from '../support/property-seed.ts'

t.setTimeout(290_000)

/** FEED_CHANGES: more of them, where somebody has the time. */
const CHANGES = Number(process.env['FEED_CHANGES'] ?? 100_000)

/** What a region asks the feed with. */
const QUESTION = /^(GET \/v1\/regions\/[a-z]+\/changes\?[^ ]*?after=)([^& ]+)([^ ]*)/

await onPostgresql(t, 'a region holds what the centre has, whatever happens on the way', async (t, makePlace) => {
  const [centre, first, second] = [
    (await undisturbedPlace(t)) ?? (await makePlace('identity')),
    await makePlace('region'),
    await makePlace('region'),
  ]
  const world = await startFeedWorld({
    centre: centre.url ?? '',
    regions: { in: first.url ?? '', us: second.url ?? '' },
  })
  t.teardown(world.stop)
  const seed = propertySeed()
  const writer = createFeedWriter({ url: centre.url ?? '', seed, organizations: 40, people: 2000 })
  await writer.begin()
  t.teardown(writer.stop)
  await Promise.all(CODES.map((code) => world.untilCaughtUp(code)))
  const { run, print } = createScenarios(
    t,
    () => world,
    () => writer,
  )
  t.teardown(() => {
    print()
    t.comment(`seed ${seed}; ${JSON.stringify(writer.counts)}`)
  })
  const links = [
    world.centreToDatabase,
    ...CODES.flatMap((code) => [world.region(code).toCentre, world.region(code).toDatabase]),
  ]
  const toCentre = CODES.map((code) => world.region(code).toCentre)
  const toDatabase = CODES.map((code) => world.region(code).toDatabase)
  const changes = Math.ceil((CHANGES * 0.4) / 16)
  const onEach = (of: readonly Link[], act: (link: Link, index: number) => void) => () => {
    for (const [index, link] of of.entries()) act(link, index)
  }

  /** Again and again while there are changes, and three times at least. */
  const repeatedly =
    (everyMs: number, act: (round: number) => Promise<void> | void) => async (isOver: () => boolean) => {
      let rounds = 0
      for (; !isOver() || rounds < 3; rounds += 1) {
        await act(rounds)
        await sleep(everyMs)
      }
      return rounds
    }
  const counted = (of: readonly { faults(): number }[], act: (isOver: () => boolean) => Promise<unknown>) => {
    const before = of.reduce((sum, link) => sum + link.faults(), 0)
    return async (isOver: () => boolean) => {
      await act(isOver)
      return of.reduce((sum, link) => sum + link.faults(), 0) - before
    }
  }
  const untilOver = (begin: () => void) => async (isOver: () => boolean) => {
    begin()
    while (!isOver()) await sleep(50)
    await sleep(500)
    for (const link of links) link.heal()
  }

  await run({ title: 'nothing', changes, fault: async () => 0 })
  await run({
    title: 'the ways to the centre are cut',
    changes,
    fault: counted(
      toCentre,
      repeatedly(
        90,
        onEach(toCentre, (link) => link.cut()),
      ),
    ),
  })
  await run({
    title: "the ways to the regions' databases are cut",
    changes,
    fault: counted(
      toDatabase,
      repeatedly(
        150,
        onEach(toDatabase, (link) => link.cut()),
      ),
    ),
  })
  await run({
    title: "the way to the centre's database is cut",
    changes,
    fault: counted(
      [world.centreToDatabase],
      repeatedly(200, () => world.centreToDatabase.cut()),
    ),
  })
  await run({
    title: 'every way takes 25 ms longer',
    changes,
    fault: counted(links, untilOver(onEach(links, (link) => link.delay(25)))),
  })
  await run({
    title: 'every way carries 300 kB/s',
    changes,
    fault: counted(links, untilOver(onEach(links, (link) => link.throttle(300_000)))),
  })
  await run({
    title: 'every way swallows everything for a while, and then tells',
    changes,
    fault: counted(
      links,
      repeatedly(300, async (round) => {
        const link = links[round % links.length]
        link?.blackHole()
        await sleep(250)
        link?.heal()
      }),
    ),
  })
  await run({
    title: 'regions are killed',
    changes,
    fault: repeatedly(150, async (round) => {
      const code = CODES[round % 2] ?? 'in'
      await world.killRegion(code)
      await world.startRegion(code)
    }),
  })
  await run({
    title: 'the centre is killed',
    changes,
    fault: repeatedly(200, async () => {
      await world.killCentre()
      await world.startCentre()
    }),
  })
  await run({
    title: 'the centre and a region are killed',
    changes,
    fault: repeatedly(150, async (round) => {
      const code = CODES[round % 2] ?? 'in'
      await Promise.all([world.killCentre(), world.killRegion(code)])
      await Promise.all([world.startCentre(), world.startRegion(code)])
    }),
  })
  await run({
    title: 'all are killed in turns while everybody is renamed, again and again',
    changes: CHANGES * 0.6,
    isBulk: true,
    fault: repeatedly(100, async (round) => {
      const code = CODES[round % 2] ?? 'in'
      if (round % 3 === 0) await world.killCentre().then(world.startCentre)
      else await world.killRegion(code).then(() => world.startRegion(code))
    }),
  })
  await run({
    title: "the regions' sessions at their databases are ended",
    changes,
    fault: repeatedly(120, async () => {
      for (const code of CODES) {
        await world
          .region(code)
          .database.query(
            'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
          )
      }
    }),
  })
  await run({
    title: 'two processes of the centre, in turns, and one of them dies',
    changes,
    fault: async (isOver) => {
      const other = await world.spawnOtherCentre()
      const ports = [Number(new URL(other.url).port), world.centrePort]
      const turns = await repeatedly(100, (round) =>
        onEach(toCentre, (link, index) => link.leadTo(ports[(round + index) % 2] ?? 0))(),
      )(isOver)
      await other.kill()
      await sleep(200)
      for (const link of toCentre) link.leadTo(world.centrePort)
      return turns * 2 + 1
    },
  })
  await run({
    title: 'two processes of a region, and one of them dies',
    changes,
    fault: async (isOver) => {
      const other = await world.spawnOtherRegion('in')
      const cuts = await repeatedly(200, () => world.region('in').toCentre.cut())(isOver)
      await other.kill()
      return cuts + 1
    },
  })
  await run({
    title: 'old questions are asked again, and old answers come again',
    changes,
    fault: async (isOver) => {
      let replayed = 0
      for (const link of toCentre) {
        const cursors: string[] = []
        const answers: string[] = []
        // Small pages: an answer that comes in one piece can be given again.
        link.rewrite((text) =>
          text.replace(QUESTION, (all, before: string, cursor: string, after: string) => {
            cursors.push(cursor)
            if (cursors.length % 5 > 0) return all.replace('limit=500', 'limit=40')
            replayed += 1
            return before + (cursors.at(-5) ?? cursor) + after
          }),
        )
        link.rewriteAnswers((text) => {
          if (!isWholePage(text)) return text
          answers.push(text)
          if (answers.length % 6 > 0) return text
          replayed += 1
          // So old that much of it has changed since.
          return answers.at(-30) ?? answers[0] ?? text
        })
      }
      while (!isOver()) await sleep(50)
      await sleep(1000)
      for (const link of toCentre) {
        link.rewrite(undefined)
        link.rewriteAnswers(undefined)
      }
      return replayed
    },
  })
  await run({
    title: 'a transaction stays open all the while, and commits at last',
    changes,
    fault: async (isOver) => {
      const open = new pg.Client(centre.url)
      await open.connect()
      await open.query('BEGIN')
      await open.query("UPDATE user_account SET name = 'Late' WHERE id = $1::uuid", [writer.manager(1)])
      while (!isOver()) await sleep(50)
      await open.query('COMMIT')
      await open.end()
      return 1
    },
  })
})

function isWholePage(text: string): boolean {
  const length = Number(/^content-length: ([0-9]+)/im.exec(text)?.[1])
  const bodyAt = text.indexOf('\r\n\r\n') + 4
  return text.startsWith('HTTP/1.1 200') && text.includes('"entries":[{') && text.length - bodyAt === length
}
