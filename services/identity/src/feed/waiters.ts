// Who waits for news, in either lane: all of a process's waiting questions are one query, each 250 ms or as soon as there is
// a hint, so that a waiting question holds no connection and no transaction, and is answered however the change came to
// be written.
import type { Deps } from '../deps.ts'
import { HINT_CHANNEL } from '../store/feed-hints.ts'
import { findNews, type Waiting } from '../store/feed-news.ts'

const LOOK_EVERY_MS = 250
/** More of one process are answered at once, and so come again: no client can fill the memory with questions. */
const WAITING_MAX = 500
/** Of one client: no region takes the places of the others. Its own processes ask twice each. */
const WAITING_OF_CLIENT_MAX = 20

type Waiter = { readonly waiting: Waiting; readonly clientId: string; readonly wake: () => void }
type WaitOptions = { readonly clientId: string; readonly timeoutMs: number; readonly signal: AbortSignal }

export interface Waiters {
  /** Resolves when there is news for this region, when the time is over, or when nobody listens any more. */
  wait(waiting: Waiting, options: WaitOptions): Promise<void>
  /** There may be news: looks now. */
  hint(): void
  count(): number
  /** Nobody waits any longer. */
  stop(): Promise<void>
}

export function createWaiters(deps: Pick<Deps, 'db' | 'log'>, lookEveryMs: number = LOOK_EVERY_MS): Waiters {
  const waiters = new Set<Waiter>()
  // From the first question on: a process that no region asks has no connection for it.
  let listening: ReturnType<Deps['db']['listen']> | undefined
  let timer: NodeJS.Timeout | undefined
  let isLooking = false
  let isHinted = false
  let isStopped = false

  async function look(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    isLooking = true
    isHinted = false
    const asked = [...waiters]
    try {
      const places = await findNews(
        deps.db,
        asked.map(({ waiting }) => waiting),
      )
      for (const place of places) asked[place]?.wake()
    } catch (error) {
      deps.log.warn({ err: error }, 'it could not be seen whether there is news for regions')
      // The question of one may be what failed: each asks for itself then.
      for (const { wake } of asked) wake()
    }
    isLooking = false
    lookLater(isHinted ? 0 : lookEveryMs)
  }

  function lookLater(inMs: number): void {
    if (isLooking || timer !== undefined || waiters.size === 0) return
    timer = setTimeout(() => void look(), inMs)
    timer.unref()
  }

  function hint(): void {
    isHinted = true
    if (!isLooking && waiters.size > 0) void look()
  }

  function isFull(clientId: string): boolean {
    if (waiters.size >= WAITING_MAX) return true
    return [...waiters].filter((waiter) => waiter.clientId === clientId).length >= WAITING_OF_CLIENT_MAX
  }

  function wait(waiting: Waiting, { clientId, timeoutMs, signal }: WaitOptions): Promise<void> {
    if (isStopped || signal.aborted || isFull(clientId)) return Promise.resolve()
    listening ??= deps.db.listen(HINT_CHANNEL, hint)
    return new Promise((resolve) => {
      const waiter: Waiter = {
        waiting,
        clientId,
        wake: () => {
          waiters.delete(waiter)
          clearTimeout(timeout)
          signal.removeEventListener('abort', waiter.wake)
          resolve()
        },
      }
      const timeout = setTimeout(waiter.wake, timeoutMs)
      signal.addEventListener('abort', waiter.wake, { once: true })
      waiters.add(waiter)
      lookLater(lookEveryMs)
    })
  }

  return {
    wait,
    hint,
    count: () => waiters.size,
    stop: async () => {
      isStopped = true
      clearTimeout(timer)
      for (const waiter of [...waiters]) waiter.wake()
      await listening?.stop()
    },
  }
}
