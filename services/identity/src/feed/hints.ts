// Hints that there may be news for regions: a process that has written something wakes the questions of every process. A
// hint that is lost costs a quarter of a second: whoever waits also looks.
import type { Deps } from '../deps.ts'
import { tellOfNews } from '../store/feed-hints.ts'
import type { Waiters } from './waiters.ts'

/** At most one message in so many milliseconds, and never one that a request waits for. */
const APART_MS = 25

export interface Hints {
  /** Something may have been written. */
  give(): void
  stop(): Promise<void>
}

export function createHints({ db, log }: Pick<Deps, 'db' | 'log'>, waiters: Pick<Waiters, 'hint'>): Hints {
  let known = ''
  let timer: NodeJS.Timeout | undefined
  let telling: Promise<void> | undefined
  let isDue = false
  let isStopped = false

  async function tell(): Promise<void> {
    isDue = false
    try {
      const head = await tellOfNews(db, known)
      if (head !== known) waiters.hint()
      known = head
    } catch (error) {
      log.debug({ err: error }, 'other processes could not be told of news')
    }
    telling = undefined
    timer = setTimeout(() => {
      timer = undefined
      if (isDue) give()
    }, APART_MS)
    timer.unref()
  }

  function give(): void {
    if (isStopped) return
    if (telling !== undefined || timer !== undefined) isDue = true
    else telling = tell()
  }

  const endCommits = db.onCommit(give)
  return {
    give,
    stop: async () => {
      isStopped = true
      endCommits()
      await telling
      clearTimeout(timer)
    },
  }
}
