// How long a revocation takes from its commit at the centre to the first refusal in every region, alone and while the
// centre's database is busy: another transaction open all the time, and thousands of rows a second that others write.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type LaneWorld, startLaneWorld } from '../support/lane-world.ts'
import { createBenchDatabase } from './bench-database.ts'
import type { Section } from './report.ts'
import { median, type Plan, type SideFigures } from './rounds.ts'

const REVOCATIONS_A_ROUND = 100
const ROWS_A_TRANSACTION = 500
/** How closely a region is watched. */
const ASK_EVERY_MS = 2
/** Spread over the centre's own rhythm. */
const PAUSE_MS = 37
const WRITE_EVERY_MS = 50

export async function benchRevocation(serverUrl: string, plan: Plan): Promise<readonly Section[]> {
  const databases = await Promise.all([1, 2, 3].map(() => createBenchDatabase(serverUrl)))
  const [centre, first, second] = databases.map(({ url }) => url) as [string, string, string]
  try {
    const world = await startLaneWorld({ centreDatabase: centre, regionDatabases: { in: first, us: second } })
    try {
      const quiet = await measure(world, 'alone', plan)
      const other = await besideOtherWrites(centre, () => measure(world, 'beside other writes', plan))
      const notes = [
        `rates are revocations one after another; latency is from COMMIT to the later of two regions' first refusal, asked each ${ASK_EVERY_MS} ms`,
        `other writes: a transaction open throughout, and ${other.rows} rows in transactions of ${ROWS_A_TRANSACTION}`,
      ]
      return [{ title: 'revocation: from commit to refusal in every region', figures: [quiet, other.result], notes }]
    } finally {
      await world.stop()
    }
  } finally {
    for (const database of databases) await database.drop()
  }
}

async function measure(world: LaneWorld, name: string, plan: Plan): Promise<SideFigures> {
  const rates: number[] = []
  const latencies: number[] = []
  for (let round = 0; round <= plan.rounds; round += 1) {
    const told: number[] = []
    const startedAt = performance.now()
    for (let count = 0; count < REVOCATIONS_A_ROUND; count += 1) {
      const sid = await world.revoke()
      const committedAt = performance.now()
      await Promise.all((['in', 'us'] as const).map((code) => world.untilRefused(sid, code, ASK_EVERY_MS)))
      told.push(performance.now() - committedAt)
      await sleep((count * PAUSE_MS) % 250)
    }
    if (round === 0) continue
    rates.push((REVOCATIONS_A_ROUND / (performance.now() - startedAt)) * 1000)
    latencies.push(...told)
    plan.say(`  round ${round}  ${name}: p50 ${percentileOf(told, 0.5).toFixed(0)} ms`)
  }
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((share) => percentileOf(latencies, share)) as [
    number,
    number,
    number,
  ]
  return { name, rates, medianRate: median(rates), processorMsPerRequest: null, takenByOthers: [], p50Ms, p95Ms, p99Ms }
}

function percentileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
}

const WRITE_OTHERS = `INSERT INTO idempotency (scope, key_hash, request_hash, status, body, expires_at)
  SELECT 'bench', sha256((random()::text || n)::bytea), sha256('x'), 201, '{}', now() + interval '1 day'
  FROM generate_series(1, $1::integer) n`

async function besideOtherWrites<T>(url: string, work: () => Promise<T>): Promise<{ result: T; rows: number }> {
  const [open, writer] = [new pg.Client(url), new pg.Client(url)]
  await Promise.all([open.connect(), writer.connect()])
  await open.query('BEGIN')
  await open.query(WRITE_OTHERS, [1])
  let isOver = false
  let rows = 0
  const writing = (async () => {
    for (; !isOver; rows += ROWS_A_TRANSACTION) {
      await writer.query(WRITE_OTHERS, [ROWS_A_TRANSACTION])
      await sleep(WRITE_EVERY_MS)
    }
  })()
  try {
    return { result: await work(), rows }
  } finally {
    isOver = true
    await writing
    await Promise.all([open.end(), writer.end()])
  }
}
