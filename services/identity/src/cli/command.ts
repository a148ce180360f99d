import type { z } from 'zod'
import type { Deps } from '../deps.ts'

/** What commands are run with, inside the service or without it. */
export type CommandDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes'> & {
  readonly secrets: Pick<Deps['secrets'], 'sealKeys'>
  readonly settings: Pick<Deps['settings'], 'keyActiveSeconds' | 'keyStagedSeconds'>
}

export type Progress = (done: number, total: number) => void

export type Command<S extends z.ZodType> = {
  readonly summary: string
  readonly usage: string
  readonly input: S
  readonly run: (deps: CommandDeps, input: z.output<S>, onProgress: Progress) => Promise<Record<string, unknown>>
}

export function command<S extends z.ZodType>(definition: Command<S>): Command<S> {
  return definition
}
