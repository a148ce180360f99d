// The operator's commands. They run inside the service (over its socket) or in a process of their own; either way
// through the same features as everything else.
import { z } from 'zod'
import { Refusal } from '../refusal.ts'
import { AUDIT_COMMANDS } from './audit-commands.ts'
import { type Command, type CommandDeps, CommandError, type Lines, type Progress } from './command.ts'
import { IMPORT_COMMANDS } from './import-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { ORG_COMMANDS } from './org-commands.ts'
import { rehearsalOf } from './rehearse.ts'
import { SERVICE_COMMANDS } from './service-commands.ts'
import { SYNC_COMMANDS } from './sync-commands.ts'
import { SYS_ADMIN_COMMANDS } from './sys-admin-commands.ts'
import { USER_COMMANDS } from './user-commands.ts'

/** A name of two words belongs to the group that its first word names. */
export const COMMANDS = {
  ...SYS_ADMIN_COMMANDS,
  ...ORG_COMMANDS,
  ...USER_COMMANDS,
  ...IMPORT_COMMANDS,
  ...KEY_COMMANDS,
  ...AUDIT_COMMANDS,
  ...SYNC_COMMANDS,
  ...SERVICE_COMMANDS,
} as const

export type CommandName = keyof typeof COMMANDS

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}

export function commandOf(name: CommandName): Command<z.ZodType> {
  return COMMANDS[name] as Command<z.ZodType>
}

const NO_LINES: Lines = { given: { [Symbol.asyncIterator]: nothing }, tell: () => {} }
async function* nothing(): AsyncGenerator<never> {}

/** Parses the input and runs the command. Throws CommandError with a text for the operator. */
export async function runCommand(
  deps: CommandDeps,
  name: CommandName,
  input: unknown,
  onProgress: Progress,
  lines: Lines = NO_LINES,
): Promise<Record<string, unknown>> {
  const called = commandOf(name)
  const { input: schema, run, usage, isRehearsable } = called
  const parsed = schema.safeParse(input)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `  ${typedName(called, path)}: ${message}`)
    throw new CommandError(`Wrong input:\n${wrong.join('\n')}\nUsage: meridian ${usage}`, { isUsage: true })
  }
  try {
    if (!isRehearsable) return await run(deps, parsed.data, onProgress, lines)
    const { dryRun } = dryRunSchema.parse(parsed.data)
    const rehearsed = dryRun ? { ...deps, db: rehearsalOf(deps.db) } : deps
    return { dry_run: dryRun, ...(await run(rehearsed, parsed.data, onProgress, lines)) }
  } catch (error) {
    if (error instanceof Refusal) throw new CommandError(refusedText(error))
    throw error
  }
}

/** A member of the input, as the operator typed it or would have. */
function typedName({ usage, operands = [] }: Command<z.ZodType>, path: readonly PropertyKey[]): string {
  const [member = 'input', ...rest] = path.map(String)
  const option = `--${member.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  const isOption = usage.match(/--[a-z-]+/g)?.includes(option) ?? false
  const isOperand = operands.some((operand) => operand.replace('…', '') === member)
  return [isOption ? option : isOperand ? member.toUpperCase() : member, ...rest].join('.')
}

const dryRunSchema = z.object({ dryRun: z.boolean() })

function refusedText({ message, detail, members }: Refusal): string {
  const rest = Object.entries(members).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  return [
    `Refused: ${message}.`,
    ...(detail === undefined ? [] : [`  ${detail}`]),
    ...rest.map((line) => `  ${line}`),
  ].join('\n')
}
