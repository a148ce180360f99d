// Processes of one service that follow a simulated centre into one database; each may die, meet the other, or be told
// something twice, late or never.
import assert from 'node:assert/strict'
import { FEED_PAGE_MAX } from '@meridian/protocol/feed'
import { createFeedFollower, type FeedFollower } from '@meridian/resource-server/feed-follower'
import { CentreBusy, CursorGone, type FeedLoaders } from '@meridian/resource-server/feed-loaders'
import { createReplica, type Replica, type ReplicaOptions } from '@meridian/resource-server/replica'
import { type FeedCentre, makeFeedCentre } from './feed-centre.ts'
import { type HeldRow, heldRows, mortal, type ReplicaDatabase } from './replica-database.ts'

type LogLine = { level: 'info' | 'warn' | 'error'; details: Record<string, unknown>; message: string }
export type Process = ReturnType<typeof makeProcess>

export function makeFeedWorld(database: ReplicaDatabase, onChanges?: ReplicaOptions['onChanges']) {
  const centre = makeFeedCentre()
  return { centre, makeProcess: () => makeProcess(database, centre, onChanges) }
}

function makeProcess(database: ReplicaDatabase, centre: FeedCentre, onChanges: ReplicaOptions['onChanges']) {
  const life = mortal(database)
  const log: LogLine[] = []
  const faults: {
    loseAnswer: boolean
    busyMs: number | null
    repeatAnswer: boolean
    losePlace: boolean
    /** The centre has no time for larger pages of its list. */
    listsAtMost: number
    meanwhile: (() => Promise<void>) | null
  } = {
    loseAnswer: false,
    busyMs: null,
    repeatAnswer: false,
    losePlace: false,
    listsAtMost: Number.POSITIVE_INFINITY,
    meanwhile: null,
  }
  const askedLimits: number[] = []
  const askedFrom: (string | null)[] = []
  const askedToWait: number[] = []
  let lastPage: Awaited<ReturnType<FeedLoaders['loadChanges']>> | null = null
  /** What can happen to an answer on its way. */
  async function carry<Answer>(answer: Answer): Promise<Answer> {
    const { meanwhile } = faults
    faults.meanwhile = null
    await meanwhile?.()
    const { busyMs } = faults
    faults.busyMs = null
    if (busyMs !== null) throw new CentreBusy(busyMs)
    if (!faults.loseAnswer) return answer
    faults.loseAnswer = false
    throw new Error('the answer was lost')
  }
  const loaders: FeedLoaders = {
    loadChanges: async (after, waitSeconds, signal) => {
      askedFrom.push(after)
      askedToWait.push(waitSeconds)
      if (faults.losePlace) throw new CursorGone()
      if (faults.repeatAnswer && lastPage !== null) {
        faults.repeatAnswer = false
        return carry(lastPage)
      }
      lastPage = await centre.loaders.loadChanges(after, waitSeconds, signal)
      return carry(lastPage)
    },
    loadSnapshot: async (span, signal, limit = FEED_PAGE_MAX) => {
      askedLimits.push(limit)
      if (limit > faults.listsAtMost) throw new Error('the list took too long')
      return carry(await centre.loaders.loadSnapshot(span, signal, limit))
    },
    loadDigests: async (...asked) => carry(await centre.loaders.loadDigests(...asked)),
  }
  const write = (level: LogLine['level']) => (details: object, message: string) =>
    void log.push({ level, details: details as Record<string, unknown>, message })
  const replica = createReplica({ transaction: life.transaction, ...(onChanges === undefined ? {} : { onChanges }) })
  const delays: number[] = []
  const follower = createFeedFollower({
    loaders,
    replica: watched(replica, database),
    nowMs: centre.nowMs,
    random: () => 0,
    schedule: (_work, delayMs) => {
      delays.push(delayMs)
      return () => {}
    },
    log: { info: write('info'), warn: write('warn'), error: write('error') },
  })
  return {
    ...life,
    faults,
    follower,
    replica,
    log,
    delays,
    askedLimits,
    /** An answer comes to the question that it was given to: none from before the region was restored comes after. */
    forgetAnswers: () => {
      lastPage = null
    },
    /** The places that it asked for changes from. */
    askedFrom,
    askedToWait,
    /** Whatever it has been asked to do, step by step. */
    settle: async <Result>(asked: Promise<Result>): Promise<Result> => {
      let isSettled = false
      const settled = asked.finally(() => {
        isSettled = true
      })
      settled.catch(() => {})
      for (let steps = 0; !isSettled && steps < 500; steps += 1) {
        await follower.refresh()
        await new Promise((resolve) => setImmediate(resolve))
      }
      return settled
    },
    /** Until it is at the end. */
    catchUp: async (): Promise<void> => {
      for (let quiet = 0, steps = 0; quiet < 2; steps += 1) {
        assert(steps < 500, `it comes to no end: ${JSON.stringify(log.slice(-3), errorsToo)}`)
        const before = follower.place()?.turn
        const failures = log.length
        await follower.refresh()
        const isStill =
          follower.place()?.turn === before && log.length === failures && follower.place()?.rebuild === null
        quiet = isStill ? quiet + 1 : 0
      }
    },
  }
}

const errorsToo = (_key: string, value: unknown) => (value instanceof Error ? `${value.name}: ${value.message}` : value)

/** No page of the feed takes an entity back; what is gone stays gone, but for newer word, or word of another history. */
function watched(replica: Replica, database: ReplicaDatabase): Replica {
  return {
    ...replica,
    apply: async (held, page, signal) => {
      const before = new Map((await heldRows(database)).map((row) => [`${row.kind}/${row.id}`, row]))
      const written = await replica.apply(held, page, signal)
      for (const now of await heldRows(database)) {
        const was = before.get(`${now.kind}/${now.id}`)
        if (was === undefined || !isBefore(now, was)) continue
        const isGoneByAnEarlierOne = was.state === null && BigInt(was.generation) < BigInt(now.generation)
        assert(isGoneByAnEarlierOne, `${JSON.stringify(was)} went back to ${JSON.stringify(now)}`)
      }
      return written
    },
  }
}

function isBefore(one: HeldRow, other: HeldRow): boolean {
  if (one.epoch !== other.epoch) return BigInt(one.epoch) < BigInt(other.epoch)
  return one.revision < other.revision
}

export async function closeAll(processes: readonly { follower: Pick<FeedFollower, 'stop'> }[]): Promise<void> {
  for (const { follower } of processes) await follower.stop()
}
