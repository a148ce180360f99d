import type { Deps } from '../deps.ts'
import { finishDeletedClients } from '../directory/end-deleted-clients.ts'
import { purgeExpired } from '../store/purge.ts'

const PURGE_EVERY_MS = 10 * 60_000

/** Ends what is left of deleted clients and deletes one-time things that are over, every ten minutes, in small batches. */
export function startPurging(options: Pick<Deps, 'db' | 'log'>): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  let finished: ReadonlySet<string> = new Set()
  const purge = async () => {
    try {
      finished = await finishDeletedClients(options, finished)
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
