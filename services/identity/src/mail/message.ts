import { z } from 'zod'

const supportFacts = {
  to: z.string(),
  org: z.string(),
  region: z.string(),
  reason: z.string(),
  mayWrite: z.boolean(),
  minutes: z.int(),
}

/** What the outbox keeps, sealed, until it is sent: the facts, not the rendered text. */
export const outboxMailSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sign_in_code'), to: z.string(), code: z.string(), ttlMinutes: z.int() }),
  z.strictObject({ kind: z.literal('token_reuse'), to: z.string() }),
  z.strictObject({ kind: z.literal('email_change_code'), to: z.string(), code: z.string(), ttlMinutes: z.int() }),
  z.strictObject({ kind: z.literal('email_change_requested'), to: z.string(), stopUrl: z.url() }),
  z.strictObject({ kind: z.literal('email_changed'), to: z.string(), stopUrl: z.url(), undoDays: z.int() }),
  z.strictObject({ kind: z.literal('email_changed_confirmation'), to: z.string() }),
  z.strictObject({ kind: z.literal('email_change_stop_code'), to: z.string(), code: z.string(), ttlMinutes: z.int() }),
  z.strictObject({ kind: z.literal('email_change_undone'), to: z.string() }),
  z.strictObject({ kind: z.literal('account_deleted'), to: z.string() }),
  z.strictObject({ kind: z.literal('account_exported'), to: z.string() }),
  z.strictObject({ kind: z.literal('account_locked'), to: z.string() }),
  z.strictObject({ kind: z.literal('account_unlocked'), to: z.string() }),
  z.strictObject({ kind: z.literal('sys_admin_appointed'), to: z.string(), who: z.string() }),
  z.strictObject({ kind: z.literal('sys_admin_dismissed'), to: z.string(), who: z.string() }),
  z.strictObject({ kind: z.literal('manager_appointed'), to: z.string(), orgName: z.string() }),
  z.strictObject({ kind: z.literal('invitation'), to: z.string(), orgName: z.string(), adviceUrl: z.url() }),
  z.strictObject({ kind: z.literal('support_requested'), ...supportFacts }),
  z.strictObject({ kind: z.literal('support_approved'), ...supportFacts }),
  z.strictObject({ kind: z.literal('support_ended'), ...supportFacts }),
])
export type OutboxMail = z.infer<typeof outboxMailSchema>

export type RenderedMail = {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}
