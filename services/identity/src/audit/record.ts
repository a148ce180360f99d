// What happened, for people who must find out later. Written in the transaction that made it happen.
// No secrets, no addresses: ids only.
import type { MakeId } from '@meridian/database/uuid-v7'
import { type AuditEvent, type AuditFields, insertAuditEvent } from '../store/audit-events.ts'
import type { IdentityDb } from '../store/open-store.ts'

/** Where a request came from, as audit events and sessions keep it. */
export type Origin = { readonly requestId: string; readonly ip: string; readonly userAgent: string }

export type AuditKind =
  | 'sign_in.succeeded'
  | 'sign_in.refused'
  | 'code.replayed'
  | 'refresh.reused'
  | 'refresh.restored'
  | 'deployment.restored'
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
  | 'sign_in.code_requested'
  | 'organization.changed'
  | 'organization.slug_changed'
  | 'organization.status_changed'
  | 'organization.deleted'
  | 'organization.restored'
  | 'organization.purged'
  | 'organization.region_added'
  | 'organization.region_withdrawn'
  | 'organization.first_manager_added'
  | 'organization.asset_added'
  | 'organization.asset_removed'
  | 'membership.role_changed'
  | 'membership.suspended'
  | 'membership.resumed'
  | 'membership.removed'
  | 'membership.renamed'
  | 'membership.left'
  | 'invitation.created'
  | 'invitation.resent'
  | 'invitation.revoked'
  | 'invitation.accepted'
  | 'invitation.declined'
  | 'invitation.imported'
  | 'user.created'
  | 'user.renamed'
  | 'user.disabled'
  | 'user.enabled'
  | 'user.deleted'
  | 'user.exported'
  | 'user.looked_up'
  | 'erasure.acknowledged'
  | 'region.went_back'
  | 'sys_admin.dismissed'
  | 'entitlement.licensed'
  | 'entitlement.withdrawn'
  | 'entitlement.switched_on'
  | 'entitlement.switched_off'
  | 'domain.added'
  | 'domain.verified'
  | 'domain.degraded'
  | 'domain.disabled'
  | 'domain.enabled'
  | 'domain.released'
  | 'domain.made_primary'
  | 'support.requested'
  | 'support.approved'
  | 'support.declined'
  | 'support.ended'
  | 'support.token_issued'
  | 'sync.ordered'
  | 'sync.cancelled'
  | 'sync.finished'
  | 'audit.exported'
  | 'access.refused'
  | 'client.refused'

export function recordAudit(
  db: IdentityDb,
  makeId: MakeId,
  kind: AuditKind,
  event: Omit<AuditEvent, 'id' | 'kind'>,
): Promise<void> {
  return insertAuditEvent(db, { ...event, id: makeId(), kind })
}

/**
 * One event for each region with what is of that region, as details beside the common ones: whoever has a say in one
 * alone reads nothing of the others.
 */
export async function recordAuditByRegion(
  db: IdentityDb,
  makeId: MakeId,
  kind: AuditKind,
  { details, ...event }: Omit<AuditEvent, 'id' | 'kind' | 'region'>,
  regions: Iterable<readonly [region: string, details: AuditFields]>,
): Promise<void> {
  for (const [region, own] of regions) {
    await recordAudit(db, makeId, kind, { ...event, region, details: { ...details, ...own } })
  }
}
