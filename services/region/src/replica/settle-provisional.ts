// Drops members whom only a token has named, a minute after the feed has come to its end without telling of them: the
// centre's own transactions end well before that.
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import { dropUnconfirmed } from '../store/memberships.ts'
import type { RegionDatabase } from '../store/open-store.ts'

export type ProvisionalSettler = {
  start(): void
  refresh(): Promise<void>
  stop(): void
}

const PATIENCE_SECONDS = 60
const LOOK_EVERY_MS = 10_000

export function createProvisionalSettler(options: {
  readonly database: RegionDatabase
  /** When the feed was at its end last. */
  readonly caughtUpAtMs: () => number | null
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}): ProvisionalSettler {
  const { database, nowMs, log } = options
  return createBackgroundRefresh({
    ...options,
    fetchOnce: async () => {
      const times = { caughtUpAtMs: options.caughtUpAtMs(), nowMs: nowMs(), patienceSeconds: PATIENCE_SECONDS }
      const dropped = await dropUnconfirmed(database, times)
      if (dropped > 0) log.warn({ dropped, alarm: true }, 'members whom the change feed did not confirm')
      return LOOK_EVERY_MS
    },
    onFailure: (error) => log.warn({ err: error }, 'members whom the feed did not confirm could not be looked at'),
  })
}
