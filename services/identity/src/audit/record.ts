// What happened, for people who must find out later. Written in the transaction that made it happen.
// No secrets, no addresses: ids only.
import type { MakeId } from '@meridian/database/uuid-v7'
import { type AuditEvent, insertAuditEvent } from '../store/audit-events.ts'
import type { IdentityDb } from '../store/open-store.ts'

/** Where a request came from, as audit events and sessions keep it. */
export type Origin = { readonly requestId: string; readonly ip: string; readonly userAgent: string }

export type AuditKind =
  | 'sign_in.succeeded'
  | 'sign_in.refused'
  | 'code.replayed'
  | 'refresh.reused'
  | 'refresh.restored'
  | 'session.revoked'
  | 'session.all_revoked'
  | 'organization.created'
  | 'sys_admin.appointed'
  | 'directory.imported'
  | 'context.chosen'
  | 'key.staged'
  | 'key.activated'
  | 'key.retired'
  | 'key.revoked'
  | 'context.first_token'
  | 'client.created'
  | 'client.changed'
  | 'client.deleted'
  | 'client.secret_rotated'
  | 'email.change_requested'
  | 'email.changed'
  | 'email.change_refused'
  | 'email.change_stopped'
  | 'email.change_undone'
  | 'email.stop_refused'

export function recordAudit(
  db: IdentityDb,
  makeId: MakeId,
  kind: AuditKind,
  event: Omit<AuditEvent, 'id' | 'kind'>,
): Promise<void> {
  return insertAuditEvent(db, { ...event, id: makeId(), kind })
}
