// What is told of a directory is what there is to be seen, however it came to be and in whatever pages it is read.
import { createHash } from 'node:crypto'
import type { FeedEntry } from '@meridian/protocol/feed'
import fc from 'fast-check'
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import { propertySeed } from '../support/property-seed.ts'
import { type Follower, followerOf, statesOf, viewOf } from './follower.ts'
import { startSmallDirectory } from './small-directory.ts'

t.setTimeout(140_000)

await eachEngine(
  t,
  'whatever happens, and whatever pages it is read in, a region holds its view',
  async (t, makePlace) => {
    const seed = propertySeed()
    const world = await startSmallDirectory(t, await makePlace('identity'), seed)
    const { identity } = world
    const followers = [followerOf(identity, 'in'), followerOf(identity, 'us')] as const
    const step = fc.record({
      changes: fc.integer({ min: 1, max: 12 }),
      limit: fc.integer({ min: 1, max: 40 }),
      pages: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        for (const { changes, limit, pages } of steps) {
          for (let change = 0; change < changes; change += 1) await world.change()
          for (const follower of followers) for (let page = 0; page < pages; page += 1) await follower.readPage(limit)
        }
        for (const [place, follower] of followers.entries()) {
          await follower.follow(7)
          const [region, view] = [place === 0 ? 'in' : 'us', await viewOf(identity, place === 0 ? 'in' : 'us')]
          t.strictSame(statesOf(follower.held), view, region)
        }
      }),
      { seed, numRuns: identity.db.engine === 'pglite' ? 3 : 8, endOnFailure: true },
    )
    for (const region of ['in', 'us']) {
      const [rebuilt, late] = [followerOf(identity, region, 'rebuilt'), followerOf(identity, region, 'late')]
      await rebuilt.rebuild(5)
      await late.follow(3)
      t.strictSame(statesOf(rebuilt.held), await viewOf(identity, region), `${region}: from a snapshot in small pages`)
      t.strictSame(statesOf(late.held), statesOf(rebuilt.held), `${region}: from the beginning`)
      t.strictSame(await digestOf(rebuilt), digestSumOf(rebuilt.held), `${region}: digests are of what is held`)
    }
    t.pass(`seed ${seed}`)
  },
)

async function digestOf(follower: Follower) {
  const { ranges, next } = await follower.digests()
  return {
    count: ranges.reduce((sum, { count }) => sum + count, 0),
    digest: ranges.map(({ digest }) => digest).join(),
    next,
  }
}

/** As packages/protocol/src/feed.ts has it; a state as PostgreSQL writes a jsonb. */
function digestSumOf(held: ReadonlyMap<string, FeedEntry>) {
  const seen = [...held.values()].filter(({ state }) => state !== null)
  const numbers = seen.map(({ kind, id, revision, state }) => {
    const text = [kind, id, revision, jsonbTextOf(state)].join('\n')
    return BigInt(`0x${createHash('sha256').update(text).digest('hex').slice(0, 15)}`)
  })
  return { count: seen.length, digest: String(numbers.reduce((sum, number) => sum + number, 0n)), next: null }
}

/** The members come in the order of a jsonb already. */
function jsonbTextOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonbTextOf).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${jsonbTextOf(member)}`)
    .join(', ')}}`
}
