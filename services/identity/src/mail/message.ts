import { z } from 'zod'

/** What the outbox keeps, sealed, until it is sent: the facts, not the rendered text. */
export const outboxMailSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('sign_in_code'), to: z.string(), code: z.string(), ttlMinutes: z.int() }),
  z.strictObject({ kind: z.literal('token_reuse'), to: z.string() }),
])
export type OutboxMail = z.infer<typeof outboxMailSchema>

export type RenderedMail = {
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
}
