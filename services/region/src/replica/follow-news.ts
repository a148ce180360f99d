// Hears what this process, and others of this region, have applied of the change feed, about twice a second and at once
// after this process's own pages. A small query or two each time, however many requests there are.
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { RegionDatabase } from '../store/open-store.ts'
import { type ReplicaNews, readLatestNews, readNews } from '../store/replica-news.ts'

export type NewsListener = {
  onNews(news: ReplicaNews): void
  /** Some were missed: anything may be different as of this news. */
  onMissed(applied: number): void
  /** After each reading, whether there was news or not. */
  onRead?(): void
}

export type NewsFollower = {
  /** Begins with what is there; what listeners know from before must be read after this. */
  start(): Promise<void>
  /** Resolves when everything that was committed before is heard. */
  refresh(): Promise<void>
  stop(): void
}

type NewsFollowerOptions = {
  readonly database: RegionDatabase
  readonly listeners: readonly NewsListener[]
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}

const READ_EVERY_MS = 500
const RETRY = { firstMs: 500, lastMs: 2_000 }

export function createNewsFollower(options: NewsFollowerOptions): NewsFollower {
  const { database, listeners, log } = options
  let heard = 0
  let reading: Promise<void> = Promise.resolve()

  async function read(): Promise<void> {
    const unheard = await readNews(database, heard)
    if (unheard.length === 0) await lookBack()
    for (const news of unheard) {
      const isMissing = news.applied > heard + 1
      heard = news.applied
      for (const listener of listeners) {
        if (isMissing) listener.onMissed(news.applied)
        listener.onNews(news)
      }
    }
    for (const listener of listeners) listener.onRead?.()
  }

  /** A database that was put back from a backup counts from there again. */
  async function lookBack(): Promise<void> {
    const latest = await readLatestNews(database)
    if (latest >= heard) return
    heard = latest
    for (const listener of listeners) listener.onMissed(latest)
  }

  /** One after the other: a reading that began before a commit may not have seen it. */
  function readAfterThat(): Promise<void> {
    const next = reading.then(read)
    reading = next.catch(() => {})
    return next
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: async () => {
      await readAfterThat()
      return READ_EVERY_MS
    },
    onFailure: (error) => log.warn({ err: error }, 'what was applied here could not be read'),
    retry: RETRY,
  })
  return {
    start: async () => {
      heard = await readLatestNews(database)
      background.start()
    },
    refresh: readAfterThat,
    stop: background.stop,
  }
}
