// The change feed with real processes: what a region applies a second, how far behind it is under a steady load, how soon
// what was taken away is refused while bulk work is queued, what a rebuild reads a second, and what memory it all takes.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { queueBulk, revokeEach } from '../support/feed-revocations.ts'
import { countHeld } from '../support/feed-view.ts'
import { CODES, type Code, type FeedWorld, startFeedWorld } from '../support/feed-world.ts'
import { createFeedWriter, type Writer } from '../support/feed-writer.ts'
import { createBenchDatabase } from './bench-database.ts'
import { moveToAnyCore } from './machine.ts'
import type { Section } from './report.ts'
import { median, type Plan, type SideFigures } from './rounds.ts'

/** Changes of a steady load, a second. */
const STEADY_RATE = 500
const REVOCATIONS = { rounds: 25, askEveryMs: 4, pauseMs: 41 }
const PEOPLE_PER_CHANGE = 1 / 20
const HOUR_MS = 3_600_000

type Say = (line: string) => void

export async function benchFeed(serverUrl: string, plan: Plan, changes: number): Promise<readonly Section[]> {
  // Three services and a database server share the machine as they would; nothing here is one server's speed.
  moveToAnyCore(process.pid)
  const databases = await Promise.all([1, 2, 3].map(() => createBenchDatabase(serverUrl)))
  const [centre, first, second] = databases.map(({ url }) => url) as [string, string, string]
  const world = await startFeedWorld({ centre, regions: { in: first, us: second }, isWatched: false })
  const people = Math.max(1000, Math.round(changes * PEOPLE_PER_CHANGE))
  const writer = createFeedWriter({ url: centre, seed: 1, organizations: 100, people, isLate: false })
  try {
    return await measure(world, writer, plan, changes)
  } finally {
    await writer.stop()
    await world.stop()
    for (const database of databases) await database.drop()
  }
}

async function measure(world: FeedWorld, writer: Writer, plan: Plan, changes: number): Promise<readonly Section[]> {
  const { say } = plan
  const memory: string[] = []
  const noteMemory = (when: string) => {
    const line = `${when}: centre ${memoryOf(world.centre().pid)}, in ${memoryOf(world.region('in').process.pid)}, us ${memoryOf(world.region('us').process.pid)} MiB`
    memory.push(line)
    say(`  ${line}`)
  }
  noteMemory('empty')

  await stopRegions(world)
  await writer.begin()
  const fill = await startAndDrain(world)
  const rows = await countHeld(world.region('in').database)
  say(`  first filling: ${rows} rows in ${(fill.in / 1000).toFixed(1)} s`)
  noteMemory('filled')

  const lag = await besideSteadyLoad(world, writer, plan)
  const alone = await refusals(world, 'revocation, alone', say)

  await stopRegions(world)
  await queueBulk(world, changes / 2)
  noteMemory(`${changes} changes queued`)
  const draining = startAndDrain(world)
  let isDrained = false
  const drained = draining.finally(() => {
    isDrained = true
  })
  await Promise.all(CODES.map((code) => untilServing(world, code)))
  const sampling = (async () => {
    for (let seconds = 5; !isDrained; seconds *= 2) {
      await Promise.race([sleep(seconds * 1000), drained])
      noteMemory(`${seconds} s on`)
    }
  })()
  const beside = await refusals(world, 'revocation, bulk queued', say)
  const wasQueued = !isDrained
  const drain = await drained
  await sampling
  say(`  ${changes / 2} queued changes in ${(drain.in / 1000).toFixed(1)} s`)

  const rebuild = await rebuildAll(world, say)
  noteMemory('after a rebuild')
  return [
    {
      title: 'change feed',
      figures: [
        side('first filling, rows', [(rows / fill.in) * 1000]),
        side('backlog, changes told and applied', [(changes / 2 / drain.in) * 1000]),
        side('rebuild, rows', [rebuild]),
        lag,
        alone,
        beside,
      ],
      notes: [
        `both regions at once; ${rows} rows in region in; a backlog of ${changes} changes, half of it for each region`,
        `lag: a change in the middle of ${STEADY_RATE} a second, from its commit to its row in a region's database`,
        `revocation: from commit to the later of the regions' first refusal; the backlog ${wasQueued ? 'was not done by then' : 'WAS DONE BEFORE THE END: queue more'}`,
        ...memory.map((line) => `resident memory, ${line}`),
      ],
    },
  ]
}

async function stopRegions(world: FeedWorld): Promise<void> {
  for (const code of CODES) await world.killRegion(code)
}

/** Milliseconds that each region took until it had applied everything. */
async function startAndDrain(world: FeedWorld): Promise<Readonly<Record<Code, number>>> {
  const entries = CODES.map(async (code) => {
    await world.startRegion(code)
    const startedAt = performance.now()
    await world.untilCaughtUp(code, HOUR_MS)
    return [code, performance.now() - startedAt] as const
  })
  return Object.fromEntries(await Promise.all(entries)) as Record<Code, number>
}

async function untilServing(world: FeedWorld, code: Code): Promise<void> {
  for (;;) {
    const isServing = await fetch(`${world.region(code).process.url}/readyz`).then(
      (reply) => reply.ok,
      () => false,
    )
    if (isServing) return
    await sleep(20)
  }
}

async function besideSteadyLoad(world: FeedWorld, writer: Writer, plan: Plan): Promise<SideFigures> {
  let isOver = false
  let written = 0
  const startedAt = performance.now()
  const writing = (async () => {
    while (!isOver) {
      written += await writer.write(50)
      await sleep(Math.max(0, (written / STEADY_RATE) * 1000 - (performance.now() - startedAt)))
    }
  })()
  const lags: number[] = []
  while (performance.now() - startedAt < plan.rounds * plan.secondsPerRound * 1000) {
    lags.push(await world.lagOf(lags.length % 2 === 0 ? 'in' : 'us', writer.manager(1)))
    await sleep((lags.length * 37) % 250)
  }
  isOver = true
  await writing
  const rate = (written / (performance.now() - startedAt)) * 1000
  plan.say(
    `  ${Math.round(rate)} changes/s: lag p50 ${percentileOf(lags, 0.5).toFixed(0)} ms, p99 ${percentileOf(lags, 0.99).toFixed(0)} ms`,
  )
  return side('lag under a steady load', [rate], lags)
}

async function refusals(world: FeedWorld, name: string, say: Say): Promise<SideFigures> {
  const startedAt = performance.now()
  const found = await revokeEach(world, REVOCATIONS)
  const rate = (found.length / (performance.now() - startedAt)) * 1000
  const ms = found.map((refusal) => refusal.ms)
  for (const way of new Set(found.map((refusal) => refusal.way))) {
    const own = found.filter((refusal) => refusal.way === way).map((refusal) => refusal.ms)
    say(`  ${name}: ${way}: p50 ${percentileOf(own, 0.5).toFixed(0)} ms, longest ${Math.max(...own).toFixed(0)} ms`)
  }
  say(
    `  ${name}: p50 ${percentileOf(ms, 0.5).toFixed(0)} ms, p99 ${percentileOf(ms, 0.99).toFixed(0)} ms of ${ms.length}`,
  )
  return side(name, [rate], ms)
}

/** Rows a second that a region reads anew. */
async function rebuildAll(world: FeedWorld, say: Say): Promise<number> {
  const centre = world.centreDatabase()
  const id = world.makeId()
  const startedAt = performance.now()
  await centre.query("INSERT INTO sync_order (id, region, kind) VALUES ($1::uuid, 'in', 'rebuild')", [id])
  for (;;) {
    const { rows } = await centre.query<{ status: string; rows: number }>(
      "SELECT status, coalesce((report ->> 'rows')::int, 0) AS rows FROM sync_order WHERE id = $1::uuid",
      [id],
    )
    if (rows[0]?.status === 'failed' || rows[0]?.status === 'cancelled') throw new Error('the rebuild failed')
    if (rows[0]?.status === 'done') {
      const seconds = (performance.now() - startedAt) / 1000
      say(`  rebuild: ${rows[0].rows} rows in ${seconds.toFixed(1)} s`)
      return rows[0].rows / seconds
    }
    await sleep(50)
  }
}

/** Of one that does not run: -. */
function memoryOf(pid: number): string {
  try {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kilobytes === undefined ? '-' : String(Math.round(Number(kilobytes) / 1024))
  } catch {
    return '-'
  }
}

function side(name: string, rates: readonly number[], latencies: readonly number[] = []): SideFigures {
  const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((share) =>
    latencies.length > 0 ? percentileOf(latencies, share) : null,
  )
  const times = { p50Ms: p50Ms ?? null, p95Ms: p95Ms ?? null, p99Ms: p99Ms ?? null }
  return { name, rates, medianRate: median(rates), processorMsPerRequest: null, takenByOthers: [], ...times }
}

function percentileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
}
