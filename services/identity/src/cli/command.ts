// What a command is. A group of commands is a file, such as key-commands.ts, and its entry in commands.ts.
import type { z } from 'zod'
import type { Deps } from '../deps.ts'

/** What commands are run with, inside the service or without it. */
export type CommandDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'> & {
  readonly settings: Pick<
    Deps['settings'],
    'keyActiveSeconds' | 'keyStagedSeconds' | 'deletionGraceSeconds' | 'slugQuarantineSeconds'
  >
}

export type Progress = (done: number, total: number) => void

/** Objects that stream in, and objects that stream out beside the result: what is too much to be held at once. */
export type Lines = { readonly given: AsyncIterable<unknown>; readonly tell: (line: object) => void }

/** What the operator typed, made ready to be sent to wherever the command runs. */
export type Prepared = {
  readonly input: unknown
  /** Called once a run. */
  readonly lines?: () => AsyncIterable<object>
  readonly onLine?: (line: unknown) => void
  /** Called at the end: what the result says besides, and whether something was refused on the way. */
  readonly finish?: (
    done: Readonly<Record<string, unknown>>,
  ) => Promise<{ readonly isRefused: boolean; readonly result: Readonly<Record<string, unknown>> }>
}

/** Options (camelCase) and operands as they were typed. */
export type Given = Readonly<Record<string, unknown>>

export type Command<S extends z.ZodType> = {
  readonly summary: string
  /** The options that the command knows are those named here: `--name VALUE`, `--name VALUE…` (repeatable), `--flag`. */
  readonly usage: string
  /** What stands beside the options, by the members of the input; `…` after the last one's name takes all the rest. */
  readonly operands?: readonly string[]
  /** Shown by `--help`, below the usage. */
  readonly details?: string
  readonly input: S
  /** With `dryRun` in the input, all that it writes is taken back. Without this member it sees to that itself. */
  readonly isRehearsable?: true
  /** Reads what the operator's own process has to read, such as files. */
  readonly prepare?: (given: Given, warn: (text: string) => void) => Promise<Prepared>
  readonly run: (
    deps: CommandDeps,
    input: z.output<S>,
    onProgress: Progress,
    lines: Lines,
  ) => Promise<Record<string, unknown>>
}

export function command<S extends z.ZodType>(definition: Command<S>): Command<S> {
  return definition
}

/** A text for the operator. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  /** It was typed wrongly; a repeat as it is will never do. */
  readonly isUsage: boolean
  constructor(message: string, options: { readonly isUsage?: boolean } = {}) {
    super(message)
    this.isUsage = options.isUsage ?? false
  }
}
