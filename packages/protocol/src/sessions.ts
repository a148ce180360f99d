// The person's own sessions: `GET /v1/me/sessions`, and what ends them.
import { z } from 'zod'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, sessionIdSchema } from './ids.ts'

export const sessionSchema = z.strictObject({
  id: sessionIdSchema,
  /** Whether it is the one that asks. */
  current: z.boolean(),
  client: z.strictObject({ id: z.string(), name: z.string() }),
  /** As the device named itself and came from when it signed in. */
  device: z.strictObject({ user_agent: z.string(), ip: z.string() }),
  created_at: z.iso.datetime(),
  last_used_at: z.iso.datetime(),
  /** Seconds since the epoch, as the claim of that name. */
  auth_time: z.int(),
  /** Where it has acted, in the order of its first tokens. */
  contexts: z.array(
    z.strictObject({
      org: z.strictObject({ id: orgIdSchema, name: z.string(), slug: orgSlugSchema }),
      region: regionCodeSchema,
      first_used_at: z.iso.datetime(),
    }),
  ),
  ended_at: z.iso.datetime().nullable(),
  /** Sessions that ended otherwise are not shown. `reuse`: a spent refresh token was shown again. */
  ended_reason: z.enum(['reuse']).nullable(),
})
export type Session = z.infer<typeof sessionSchema>

export const sessionListSchema = z.strictObject({ sessions: z.array(sessionSchema) })
export type SessionList = z.infer<typeof sessionListSchema>

/** Body of `POST /v1/me/sessions/revoke`. */
export const sessionRevocationSchema = z.strictObject({ which: z.enum(['others', 'all']) })
export const sessionsRevokedSchema = z.strictObject({ ended: z.int() })
export type SessionsRevoked = z.infer<typeof sessionsRevokedSchema>
