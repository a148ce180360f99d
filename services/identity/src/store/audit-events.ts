import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

export type AuditFields = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

export type AuditEvent = {
  readonly id: string
  readonly kind: string
  readonly outcome: 'success' | 'refused'
  readonly requestId: string
  readonly actorUserId?: string | null
  readonly clientId?: string | null
  readonly sessionId?: string | null
  readonly orgId?: string | null
  readonly region?: string | null
  /** Personal: it is kept apart, and can be erased. */
  readonly ip?: string | null
  /** Ids, codes and counts: nothing by which somebody outside could tell who a person is. */
  readonly details?: AuditFields
  /** What a change replaced, and by what; of `details`' kind. */
  readonly before?: AuditFields
  readonly after?: AuditFields
}

// Of somebody whose account is gone nothing personal is written any more. A UUIDv4 has 122 random bits, and the database makes them with a cryptographic generator: two make a salt.
const INSERT: Statement = {
  name: 'insert_audit_event',
  text: `WITH personal AS (
      INSERT INTO audit_personal (event_id, user_id, salt, details)
        SELECT $1::uuid, $5::uuid,
          decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), $10::text
        WHERE $10::text IS NOT NULL
          AND NOT EXISTS (SELECT FROM user_account WHERE id = $5::uuid AND status = 'deleted')
      RETURNING audit_digest(salt, details) AS digest)
    INSERT INTO audit_event (id, kind, outcome, request_id, actor_user_id, actor_kind, client_id, session_id, org_id,
        region, details, personal_digest)
      VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::uuid,
        CASE WHEN $5::uuid IS NULL THEN 'nobody' WHEN EXISTS (SELECT FROM user_account u
          WHERE u.id = $5::uuid AND u.platform_role = 'sys_admin') THEN 'sys_admin' ELSE 'person' END,
        $6::text, $7::uuid, $8::uuid, $9::text, $11::text::jsonb, (SELECT digest FROM personal))`,
}

export async function insertAuditEvent(db: IdentityDb, event: AuditEvent): Promise<void> {
  const { details, before, after, ip } = event
  const change = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }
  await db.sql(INSERT, [
    event.id,
    event.kind,
    event.outcome,
    event.requestId,
    event.actorUserId ?? null,
    event.clientId ?? null,
    event.sessionId ?? null,
    event.orgId ?? null,
    event.region ?? null,
    ip == null ? null : JSON.stringify({ ip }),
    JSON.stringify({ ...details, ...change }),
  ])
}
