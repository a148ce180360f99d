import type { Logger } from '@meridian/service-kit/logger'
import type { IdentityDb } from '../store/open-store.ts'
import { purgeExpired } from '../store/purge.ts'

const PURGE_EVERY_MS = 10 * 60_000

/** Deletes one-time things that are over, every ten minutes, in small batches. */
export function startPurging(options: { readonly db: IdentityDb; readonly log: Logger }): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  const purge = async () => {
    try {
      const rows = await purgeExpired(options.db)
      if (rows > 0) options.log.info({ rows }, 'purged what was over')
    } catch (error) {
      options.log.warn({ err: error }, 'purging failed; it is tried again later')
    }
  }
  const timer = setInterval(() => {
    running = purge()
  }, PURGE_EVERY_MS)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await running
    },
  }
}
