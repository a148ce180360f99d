import type { Deps } from '../deps.ts'
import { finishDeletedClients } from '../directory/end-deleted-clients.ts'
import { compactFeed } from '../feed/compaction.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import { purgeExpired } from '../store/purge.ts'

const PURGE_EVERY_MS = 10 * 60_000

/**
 * Ends what is left of deleted clients, deletes one-time things that are over and compacts the change feed, every ten
 * minutes, in small batches.
 */
export function startPurging(options: Pick<Deps, 'db' | 'log' | 'settings'>): Kept {
  let finished: ReadonlySet<string> = new Set()
  const purge = async () => {
    try {
      finished = await finishDeletedClients(options, finished)
      const rows = await purgeExpired(options.db)
      if (rows > 0) options.log.info({ rows }, 'purged what was over')
      const entries = await compactFeed(options)
      if (entries > 0) options.log.info({ entries }, 'compacted the change feed')
    } catch (error) {
      options.log.warn({ err: error }, 'purging failed; it is tried again later')
    }
  }
  return keepDoing(purge, PURGE_EVERY_MS)
}
