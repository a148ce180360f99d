// How far a command is, on stderr: one line that changes on a terminal, a line every few seconds elsewhere.
import type { Progress } from './command.ts'

const SECONDS_BETWEEN_LINES = 3

export type ProgressWorld = {
  readonly isTerminal: boolean
  readonly write: (text: string) => void
  /** Milliseconds. */
  readonly now: () => number
}

export function createProgress({ isTerminal, write, now }: ProgressWorld): Progress {
  let writtenAt = now()
  return (done, total) => {
    if (isTerminal) return write(`\r${done} of ${total}${done === total ? '\n' : ''}`)
    if (now() - writtenAt < SECONDS_BETWEEN_LINES * 1000) return
    writtenAt = now()
    write(`${done} of ${total}\n`)
  }
}
