// What is taken away is refused in every region before the bulk work that was queued earlier is told there: revocations
// have their own lane. How long it takes is measured by `pnpm bench --only feed`, and asserted by no test.
import t from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { undisturbedPlace } from '../support/feed-cluster.ts'
import { queueBulk, revokeEach } from '../support/feed-revocations.ts'
import { startFeedWorld } from '../support/feed-world.ts'
import { createFeedWriter } from '../support/feed-writer.ts'
import { propertySeed } from '../support/property-seed.ts'

t.setTimeout(200_000)

const BULK = Number(process.env['FEED_CHANGES'] ?? 100_000)
const ROUNDS = 5

await onPostgresql(t, 'revocations overtake bulk work', async (t, makePlace) => {
  const [centre, first, second] = [
    (await undisturbedPlace(t)) ?? (await makePlace('identity')),
    await makePlace('region'),
    await makePlace('region'),
  ]
  const world = await startFeedWorld({
    centre: centre.url ?? '',
    regions: { in: first.url ?? '', us: second.url ?? '' },
    isWatched: false,
  })
  t.teardown(world.stop)
  const writer = createFeedWriter({ url: centre.url ?? '', seed: propertySeed(), organizations: 12, people: 4000 })
  await writer.begin()
  t.teardown(writer.stop)
  await Promise.all([world.untilCaughtUp('in'), world.untilCaughtUp('us')])

  await queueBulk(world, BULK / 2)
  const refusals = await revokeEach(world, { rounds: ROUNDS, askEveryMs: 20, pauseMs: 50 })
  t.equal(refusals.length, ROUNDS * 4, `${BULK} changes queued, ${refusals.length} refusals`)
  const told = refusals.filter(({ wasToldByFeed }) => wasToldByFeed)
  t.strictSame(told, [], 'each came before the feed had told of it')
  const sorted = refusals.map(({ ms }) => ms).sort((a, b) => a - b)
  t.comment(
    `from commit to refusal: median ${sorted[sorted.length >> 1]?.toFixed(0)} ms, longest ${sorted.at(-1)?.toFixed(0)} ms`,
  )
  t.strictSame(await world.differences(), [], 'and then the bulk is told, too')
})
