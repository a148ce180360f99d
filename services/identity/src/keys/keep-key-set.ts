import type { Logger } from '@meridian/service-kit/logger'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { type KeySet, loadKeySet } from './key-set.ts'

const RELOAD_MS = 30_000

/** Holds the key set in memory and follows the database, so that every process shows and uses the same keys. */
export async function keepKeySet(options: {
  readonly db: IdentityDb
  readonly secrets: Pick<Secrets, 'sealKeys'>
  readonly randomBytes: RandomBytes
  readonly log: Logger
}): Promise<{ current: () => KeySet; stop(): void }> {
  const load = () => loadKeySet(options.db, options.secrets, options.randomBytes)
  let keySet = await load()
  const timer = setInterval(() => {
    load().then(
      (loaded) => {
        if (loaded.etag !== keySet.etag) keySet = loaded
      },
      (error: unknown) => options.log.warn({ err: error }, 'the signing keys could not be read again'),
    )
  }, RELOAD_MS)
  timer.unref()
  return { current: () => keySet, stop: () => clearInterval(timer) }
}
