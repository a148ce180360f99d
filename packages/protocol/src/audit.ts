// The audit as it is read and handed out: `GET /v1/orgs/{org}/audit` for managers, `GET /v1/audit` for sys-admins.
import { z } from 'zod'
import { orgIdSchema, sessionIdSchema, userIdSchema } from './ids.ts'
import { nextCursorSchema, pageQuerySchema } from './paging.ts'

/** PostgreSQL knows no year 0000 and no offset of 16 hours or more. */
const instantSchema = z.iso
  .datetime({ offset: true })
  .refine((instant) => !/^0000|[+-](1[6-9]|2\d):\d\d$/.test(instant), 'is no time that can be searched')
const digestSchema = z.string().regex(/^[0-9a-f]{64}$/)

/** Newest first. `kind` is a kind, or the word before its dot for all of them; `from` is within, `to` is not. */
export const auditQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  kind: z
    .string()
    .max(60)
    .regex(/^[a-z_]+(\.[a-z_]+)?$/)
    .optional(),
  actor: userIdSchema.optional(),
  outcome: z.enum(['success', 'refused']).optional(),
  from: instantSchema.optional(),
  to: instantSchema.optional(),
})
export type AuditQuery = z.infer<typeof auditQuerySchema>

/** The id is null where it is nobody's, and where it is none of this audit's readers' concern. */
export const auditActorSchema = z.strictObject({
  kind: z.enum(['nobody', 'person', 'sys_admin']),
  id: userIdSchema.nullable(),
})

export const auditEventSchema = z.strictObject({
  id: z.uuid(),
  at: z.iso.datetime(),
  kind: z.string(),
  outcome: z.enum(['success', 'refused']),
  actor: auditActorSchema,
  client_id: z.string().nullable(),
  session_id: sessionIdSchema.nullable(),
  org_id: orgIdSchema.nullable(),
  region: z.string().nullable(),
  request_id: z.string(),
  /** Null where there was none, and where it was erased. */
  ip: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
  /** Its place in the chain; null for the moment until it is sealed. */
  seq: z.int().nullable(),
})

export const auditPageSchema = z.strictObject({ events: z.array(auditEventSchema), next_cursor: nextCursorSchema })
export type AuditPage = z.infer<typeof auditPageSchema>

/** Longest time that one export covers. */
export const AUDIT_EXPORT_MAX_DAYS = 366

export const auditExportQuerySchema = z
  .strictObject({ from: instantSchema, to: instantSchema })
  .refine(({ from, to }) => {
    const days = (Date.parse(to) - Date.parse(from)) / 86_400_000
    return days > 0 && days <= AUDIT_EXPORT_MAX_DAYS
  }, `from must come before to, and by ${AUDIT_EXPORT_MAX_DAYS} days at most`)
export type AuditExportQuery = z.infer<typeof auditExportQuerySchema>

/** One line of an export; `hash` and what it is made of let anybody verify it. */
export const auditExportEventSchema = z.strictObject({
  ...auditEventSchema.shape,
  type: z.literal('event'),
  chain: z.uuid(),
  seq: z.int(),
  previous_hash: digestSchema,
  hash: digestSchema,
  /** Of `actor`, `client_id` and `session_id`, also where they are left out. */
  who_digest: digestSchema,
  /** Salted; of what is personal, also where it was erased. */
  personal_digest: digestSchema.nullable(),
})
export type AuditExportEvent = z.infer<typeof auditExportEventSchema>

/** The last line: without it, the export is not whole. */
export const auditExportEndSchema = z.strictObject({
  type: z.literal('end'),
  events: z.int(),
  /** The newest of the chain: a JWS that the issuer's keys verify. */
  checkpoint: z.string().nullable(),
})
export type AuditExportLine = AuditExportEvent | z.infer<typeof auditExportEndSchema>
