import { z } from 'zod'

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
])
export type OutboxMail = z.infer<typeof outboxMailSchema>

export type RenderedMail = {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}
