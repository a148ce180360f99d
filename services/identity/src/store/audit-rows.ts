// How an audit event is read, wherever it is: sealed, verified, shown or handed out. Alias: e.
import { z } from 'zod'

export const AUDIT_COLUMNS = `e.id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at,
  e.kind, e.outcome, e.request_id, e.actor_kind, e.actor_user_id::text, e.client_id, e.session_id::text, e.org_id::text,
  e.region, e.details, encode(e.personal_digest, 'hex') AS personal_digest`

export const auditRowSchema = z.object({
  id: z.string(),
  at: z.string(),
  kind: z.string(),
  outcome: z.enum(['success', 'refused']),
  request_id: z.string(),
  actor_kind: z.enum(['nobody', 'person', 'sys_admin']),
  actor_user_id: z.string().nullable(),
  client_id: z.string().nullable(),
  session_id: z.string().nullable(),
  org_id: z.string().nullable(),
  region: z.string().nullable(),
  details: z.record(z.string(), z.json()),
  /** Hexadecimal, as every digest here. */
  personal_digest: z.string().nullable(),
})
export type AuditRow = z.infer<typeof auditRowSchema>

/** The chain of the platform's own events; an organization's has its id. */
export const PLATFORM_CHAIN = '00000000-0000-0000-0000-000000000000'
