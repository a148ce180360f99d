// Keeps something fetched fresh, off the path of requests: on a timer with jitter, one fetch at a time,
// sooner when asked (but not sooner than the gap), later after failures.

/** Runs `work` after `delayMs`; the returned function cancels. */
export type Schedule = (work: () => void, delayMs: number) => () => void

export const scheduleWithTimer: Schedule = (work, delayMs) => {
  const timer = setTimeout(work, delayMs)
  timer.unref()
  return () => clearTimeout(timer)
}

export interface BackgroundRefreshOptions {
  /** Fetches once; resolves with the milliseconds until the next time, rejects when nothing was gained. */
  fetchOnce: (signal: AbortSignal) => Promise<number>
  onFailure: (error: unknown) => void
  /** How long after a failure, and after many. */
  retry?: { firstMs: number; lastMs: number }
  nowMs: () => number
  /** In [0, 1). */
  random: () => number
  schedule: Schedule
}

export interface BackgroundRefresh {
  start(): void
  /** Joins the fetch under way or starts one; resolves when it ends, however it ends. */
  refresh(): Promise<void>
  /** The fetch under way, or a new one if the last early one is long enough ago; else null. */
  refreshEarly(): Promise<void> | null
  stop(): void
}

const EARLY_GAP_MS = 5_000
const RETRY = { firstMs: 5_000, lastMs: 60_000 }

export function createBackgroundRefresh(options: BackgroundRefreshOptions): BackgroundRefresh {
  const stopping = new AbortController()
  const retry = options.retry ?? RETRY
  let underWay: Promise<void> | null = null
  let cancelNext: (() => void) | null = null
  let failures = 0
  let lastEarlyAt = Number.NEGATIVE_INFINITY

  async function run(): Promise<void> {
    let delayMs: number
    try {
      delayMs = (await options.fetchOnce(stopping.signal)) * (0.9 + 0.1 * options.random())
      failures = 0
    } catch (error) {
      if (!stopping.signal.aborted) options.onFailure(error)
      const retryMs = Math.min(retry.firstMs * 2 ** failures, retry.lastMs)
      delayMs = retryMs * (0.5 + 0.5 * options.random())
      failures += 1
    }
    underWay = null
    if (stopping.signal.aborted) return
    cancelNext = options.schedule(() => void refresh(), delayMs)
  }

  function refresh(): Promise<void> {
    if (stopping.signal.aborted) return Promise.resolve()
    if (underWay === null) {
      cancelNext?.()
      underWay = run()
    }
    return underWay
  }

  function refreshEarly(): Promise<void> | null {
    if (underWay !== null) return underWay
    const now = options.nowMs()
    if (now - lastEarlyAt < EARLY_GAP_MS || stopping.signal.aborted) return null
    lastEarlyAt = now
    return refresh()
  }

  return {
    start: () => void refresh(),
    refresh,
    refreshEarly,
    stop: () => {
      stopping.abort()
      cancelNext?.()
    },
  }
}
