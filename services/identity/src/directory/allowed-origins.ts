import { listAllowedOrigins } from '../store/clients.ts'
import type { IdentityDb } from '../store/open-store.ts'

const MAX_AGE_MS = 5000

/** Reads every client's origins, at most once in 5 s; a failed reading is not kept. */
export function rememberAllowedOrigins(db: IdentityDb): () => Promise<ReadonlySet<string>> {
  let known: { origins: Promise<ReadonlySet<string>>; readAt: number } | undefined
  return () => {
    const now = performance.now()
    if (known !== undefined && now - known.readAt <= MAX_AGE_MS) return known.origins
    const reading = { origins: listAllowedOrigins(db), readAt: now }
    reading.origins.catch(() => {
      if (known === reading) known = undefined
    })
    known = reading
    return reading.origins
  }
}
