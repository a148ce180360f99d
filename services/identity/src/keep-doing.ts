// Work that comes again and again beside the requests. While a round lasts no other begins; the process waits for the last.

export type Kept = { stop(): Promise<void> }

/** `work` must not throw: a round that fails says so itself, and the next one comes all the same. */
export function keepDoing(work: () => Promise<void>, everyMs: number): Kept {
  let running: Promise<void> = Promise.resolve()
  let isBusy = false
  const timer = setInterval(() => {
    if (isBusy) return
    isBusy = true
    running = work().finally(() => {
      isBusy = false
    })
  }, everyMs)
  timer.unref()
  return {
    stop: async () => {
      clearInterval(timer)
      await running
    },
  }
}
