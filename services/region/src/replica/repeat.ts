import type { Schedule } from '@meridian/resource-server/background-refresh'

/** Runs `work`, which must not throw, again and again; the returned function ends that. */
export function repeat(schedule: Schedule, everyMs: number, work: () => void): () => void {
  let cancel = schedule(again, everyMs)
  function again(): void {
    work()
    cancel = schedule(again, everyMs)
  }
  return () => cancel()
}
