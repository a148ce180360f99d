// The operator's commands for the service as a whole.
import { z } from 'zod'
import { readServiceStatus } from '../directory/service-status.ts'
import { declareRestored } from '../sessions/restored.ts'
import { type Command, command } from './command.ts'

export const SERVICE_COMMANDS = {
  status: command({
    summary: 'shows the regions, when they were last heard of and what they hold, and what is queued',
    usage: 'status',
    details: 'What is queued moves by itself. Whatever grows old does not: the log of the service says why.',
    input: z.strictObject({}),
    run: readServiceStatus,
  }),
  restored: command({
    summary: 'to be run after the database came back from a backup, before it serves',
    usage: 'restored [--dry-run]',
    details: 'Ends older refresh tokens quietly: their owners sign in again, and nobody is told of a theft.',
    input: z.strictObject({ dryRun: z.boolean().default(false) }),
    run: (deps, { dryRun }) => declareRestored(deps, dryRun),
  }),
} satisfies Record<string, Command<z.ZodType>>
