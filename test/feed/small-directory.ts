// A small directory in two regions, changed by plain statements, each in a transaction of its own.
import type { Test } from 'tap'
import type { Place } from '../support/databases.ts'
import { createDirectory, type Operation } from '../support/feed-directory.ts'
import { type IdentityOptions, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'

export const ORGANIZATIONS = 4
const PEOPLE = 24

/** Numbers below 1 that a seed decides (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export async function startSmallDirectory(t: Test, place: Place, seed: number, options: IdentityOptions = {}) {
  const identity = await startIdentity(t, place, { withPeople: false, ...options })
  const directory = createDirectory({ random: randomOf(seed), organizations: ORGANIZATIONS, number: 1 })
  const client = { query: (text: string, values: readonly unknown[] = []) => ask(identity, text, values) }
  const run = (operation: Operation) => operation(client as never)
  await run((queries) => directory.begin(queries, PEOPLE))

  return {
    identity,
    directory,
    sql: client.query,
    /** One random change; what the directory refuses changes nothing. */
    change: async (): Promise<void> => {
      const special = directory.below(20)
      const operate =
        special < RARE.length
          ? rare(special)
          : (queries: typeof client) => run(() => directory.operate(queries as never))
      await operate(client).catch(() => {})
    },
  }

  function rare(index: number) {
    const [text, values] = RARE[index] as (typeof RARE)[number]
    return (queries: typeof client) => queries.query(text, values(directory))
  }
}

type Directory = ReturnType<typeof createDirectory>

/** What is beyond the ordinary life of a directory. */
const RARE: readonly (readonly [string, (directory: Directory) => readonly unknown[]])[] = [
  ['DELETE FROM membership WHERE user_id = $1::uuid', ({ person }) => [person()]],
  [
    `UPDATE region SET api_url = 'https://moved.' || $2 || '.example.test' || $1 WHERE code = $2`,
    ({ below }) => [`/${below(9)}`, below(2) === 0 ? 'in' : 'us'],
  ],
  ["DELETE FROM organization_domain WHERE status = 'released' AND $1::integer IS NOT NULL", ({ below }) => [below(9)]],
  [
    "UPDATE client SET allowed_resources = ARRAY[$1] WHERE id = 'bulk-1-1'",
    ({ below }) => [['*', 'https://api.in.example.test', 'https://api.us.example.test'][below(3)]],
  ],
  [
    `UPDATE organization SET purged_at = meridian_now() WHERE id = $1::uuid AND status = 'deleted'`,
    ({ organization }) => [organization()],
  ],
]
