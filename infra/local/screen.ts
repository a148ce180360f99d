// What the person at the terminal sees: one line a step with its time, warnings between, and the welcome.

export type Screen = {
  /** Shows that the work is going on, and its time once it is done. */
  step<T>(label: string, work: () => Promise<T>): Promise<T>
  info(text: string): void
  /** Shown even when quiet. */
  say(text: string): void
  /** Warnings and errors, on standard error. */
  warn(text: string): void
}

type Output = { write(text: string): unknown; readonly isTTY?: boolean }

const TICK_MS = 100
const CLEAR_LINE = '\r\x1b[K'

export function createScreen(out: Output, err: Output, isQuiet: boolean): Screen {
  const isLive = out.isTTY === true && !isQuiet
  let running: string | undefined
  const print = (to: Output, text: string) => {
    if (isLive && running !== undefined) out.write(CLEAR_LINE)
    to.write(`${text}\n`)
  }
  const info = (text: string) => {
    if (!isQuiet) print(out, text)
  }
  async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    const seconds = () => ((performance.now() - startedAt) / 1000).toFixed(1)
    running = label
    if (!isLive) info(`  …  ${label}`)
    const ticks = isLive
      ? setInterval(() => out.write(`${CLEAR_LINE}  …  ${label}  ${seconds()} s`), TICK_MS)
      : undefined
    try {
      const result = await work()
      clearInterval(ticks)
      info(`  ok ${label}  ${seconds()} s`)
      return result
    } finally {
      clearInterval(ticks)
      if (isLive) out.write(CLEAR_LINE)
      running = undefined
    }
  }
  return { step, info, say: (text) => print(out, text), warn: (text) => print(err, text) }
}
