// The operator's commands. They run inside the service (over its socket) or in a process of their own; either way
// through the same features as everything else.
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { displayNameSchema } from '@meridian/protocol/orgs'
import { z } from 'zod'
import { appointFirstSysAdmin } from '../directory/appoint-sys-admin.ts'
import { directoryDocumentSchema, importDirectory } from '../directory/import-directory.ts'
import { Refusal } from '../refusal.ts'
import { declareRestored } from '../sessions/restored.ts'
import { type CommandDeps, command, type Progress } from './command.ts'
import { KEY_COMMANDS } from './key-commands.ts'

export const COMMANDS = {
  'create-sys-admin': command({
    summary: 'appoints the first sys-admin; works once per installation',
    usage: 'create-sys-admin --email ADDRESS --name NAME [--dry-run]',
    input: z.strictObject({ email: emailAddressSchema, name: displayNameSchema, dryRun: z.boolean().default(false) }),
    run: async (deps, { dryRun, ...person }) =>
      dryRun ? { would_appoint: person.email } : { user_id: (await appointFirstSysAdmin(deps, person)).userId },
  }),
  import: command({
    summary: 'brings in organizations, people and memberships from a JSON file; what is there already stays',
    usage: 'import FILE [--dry-run]',
    input: z.strictObject({ document: directoryDocumentSchema, dryRun: z.boolean().default(false) }),
    run: async (deps, { document, dryRun }, onProgress) => {
      const report = await importDirectory(deps, document, { isDryRun: dryRun, onProgress })
      return { dry_run: dryRun, ...report }
    },
  }),
  restored: command({
    summary:
      'to be run after the database was restored from a backup, before it serves: ends older refresh tokens quietly',
    usage: 'restored [--dry-run]',
    input: z.strictObject({ dryRun: z.boolean().default(false) }),
    run: (deps, { dryRun }) => declareRestored(deps, dryRun),
  }),
  ...KEY_COMMANDS,
} as const

export type CommandName = keyof typeof COMMANDS

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name)
}

export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Parses the input and runs the command. Throws CommandError with a text for the operator. */
export async function runCommand(
  deps: CommandDeps,
  name: CommandName,
  input: unknown,
  onProgress: Progress,
): Promise<Record<string, unknown>> {
  const { input: schema, run, usage } = COMMANDS[name]
  const parsed = schema.safeParse(input)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || 'input'}: ${issue.message}`)
    throw new CommandError(`Wrong input:\n${wrong.join('\n')}\nUsage: meridian ${usage}`)
  }
  try {
    return await run(deps, parsed.data as never, onProgress)
  } catch (error) {
    if (error instanceof Refusal) throw new CommandError(`Refused: ${error.message}.`)
    throw error
  }
}
