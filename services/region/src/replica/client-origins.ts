// Origins of clients' pages, in memory, as the change feed tells them: read when it tells of a client.
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import { listClientOrigins } from '../store/client-origins.ts'
import type { RegionDatabase } from '../store/open-store.ts'
import type { NewsListener } from './follow-news.ts'

export type ClientOrigins = NewsListener & {
  /** Resolves when what is stored is read; rejects where it cannot be. */
  load(): Promise<void>
  has(origin: string): boolean
}

export function createClientOrigins(options: {
  readonly database: RegionDatabase
  readonly log: OperationalLog
}): ClientOrigins {
  let origins: ReadonlySet<string> = new Set()
  /** What was to be read could not be. */
  let isStale = false
  let reading: Promise<void> = Promise.resolve()

  function load(): Promise<void> {
    const next = reading.then(async () => {
      origins = new Set(await listClientOrigins(options.database))
    })
    reading = next.catch(() => {})
    return next
  }

  function reload(): void {
    isStale = false
    load().catch((error: unknown) => {
      isStale = true
      options.log.error({ err: error }, 'origins of clients could not be read')
    })
  }

  return {
    load,
    has: (origin) => origins.has(origin),
    onNews: ({ kinds }) => {
      if (kinds.includes('client')) reload()
    },
    onMissed: reload,
    onRead: () => {
      if (isStale) reload()
    },
  }
}
