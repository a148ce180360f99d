// The operator's commands for people. An account is deleted by its owner alone; every look at one is recorded.
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { userIdSchema } from '@meridian/protocol/ids'
import { userStatusReasonSchema } from '@meridian/protocol/users'
import { z } from 'zod'
import { COMMAND, OPERATOR } from '../directory/by-actor.ts'
import { changeUserStatus } from '../directory/lock-user.ts'
import { lookUpByEmail, lookUpById } from '../directory/look-up-user.ts'
import { type Command, command } from './command.ts'

const REASONS = `The reason is one of ${userStatusReasonSchema.options.join(', ')}.`

const byId = { operands: ['id'], input: z.strictObject({ id: userIdSchema }) } as const
const withReason = {
  operands: ['id'],
  details: REASONS,
  isRehearsable: true,
  input: z.strictObject({ id: userIdSchema, reason: userStatusReasonSchema, dryRun: z.boolean().default(false) }),
} as const

export const USER_COMMANDS = {
  'user find': command({
    summary: 'shows who has exactly this address: status, and where they belong',
    usage: 'user find --email ADDRESS',
    input: z.strictObject({ email: emailAddressSchema }),
    run: (deps, { email }) => lookUpByEmail(deps, OPERATOR, email, COMMAND),
  }),
  'user disable': command({
    ...withReason,
    summary: 'locks an account, and ends all of its sessions',
    usage: 'user disable ID --reason REASON [--dry-run]',
    run: (deps, { id, reason }) => setStatus(deps, id, 'disabled', reason),
  }),
  'user enable': command({
    ...withReason,
    summary: 'lets a locked account in again',
    usage: 'user enable ID --reason REASON [--dry-run]',
    run: (deps, { id, reason }) => setStatus(deps, id, 'active', reason),
  }),
  'user erase-status': command({
    ...byId,
    summary: 'shows in how many regions a deleted person is to be erased, and how many have done it',
    usage: 'user erase-status ID',
    run: async (deps, { id }) => {
      const { status, deleted_at: deletedAt, erasure } = await lookUpById(deps, OPERATOR, id, COMMAND)
      return { id, status, deleted_at: deletedAt, erasure }
    },
  }),
} satisfies Record<string, Command<z.ZodType>>

function setStatus(
  deps: Parameters<typeof changeUserStatus>[0],
  id: string,
  status: 'active' | 'disabled',
  reason: z.infer<typeof userStatusReasonSchema>,
) {
  return changeUserStatus(deps, OPERATOR, { id, expected: 'any' }, { status, reason }, COMMAND)
}
