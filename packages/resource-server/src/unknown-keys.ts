import type { Schedule } from './background-refresh.ts'

const WAIT_MS = 1_000
const FORGET_AFTER_MS = 60_000
const REMEMBERED_MAX = 256
const WAITING_MAX = 64

export interface UnknownKeys {
  awaitRefresh(kid: string, refreshEarly: () => Promise<void> | null): Promise<void>
}

/**
 * Bounds what a made-up `kid` can cost: each is looked for once a minute, a request waits 1 s at most,
 * and only so many wait at once.
 */
export function createUnknownKeys(nowMs: () => number, schedule: Schedule): UnknownKeys {
  const askedAtMs = new Map<string, number>()
  let waiting = 0

  function isRemembered(kid: string): boolean {
    const askedAt = askedAtMs.get(kid)
    return askedAt !== undefined && nowMs() - askedAt < FORGET_AFTER_MS
  }

  function remember(kid: string): void {
    askedAtMs.delete(kid)
    askedAtMs.set(kid, nowMs())
    const oldest = askedAtMs.keys().next().value
    if (askedAtMs.size > REMEMBERED_MAX && oldest !== undefined) askedAtMs.delete(oldest)
  }

  async function awaitRefresh(kid: string, refreshEarly: () => Promise<void> | null): Promise<void> {
    if (isRemembered(kid) || waiting >= WAITING_MAX) return
    const refresh = refreshEarly()
    if (refresh === null) return
    waiting += 1
    let cancel = () => {}
    const patience = new Promise<void>((resolve) => {
      cancel = schedule(resolve, WAIT_MS)
    })
    await Promise.race([refresh, patience])
    cancel()
    waiting -= 1
    remember(kid)
  }

  return { awaitRefresh }
}
