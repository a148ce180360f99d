// What support grants have in common on both sides: how one looks on the wire, and whom each step is told to.
import type { SupportAccess, SupportGrant } from '@meridian/protocol/support'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  findSupportGrant,
  listAddressesOfManagers,
  type SupportGrantRow,
  type SupportRole,
} from '../store/support-grants.ts'
import { type Actor, byActor } from './by-actor.ts'

export type SupportDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

type SupportEvent = Extract<AuditKind, `support.${'requested' | 'approved' | 'declined' | 'ended'}`>

const ROLES: Readonly<Record<SupportAccess, SupportRole>> = { read: 'viewer', write: 'member' }

export function roleOf(access: SupportAccess): SupportRole {
  return ROLES[access]
}

export function presentSupportGrant(row: SupportGrantRow): SupportGrant {
  const { id, region, audience, reason, duration_seconds, status, decided_by, ended_by, ended_reason } = row
  return {
    id,
    org: { id: row.org_id, slug: row.slug, name: row.org_name },
    region,
    audience,
    requested_by: { id: row.requester_id, name: row.requester_name },
    reason,
    access: row.role === 'member' ? 'write' : 'read',
    duration_seconds,
    status,
    requested_at: row.requested_at.toISOString(),
    decided_by,
    decided_at: row.decided_at?.toISOString() ?? null,
    expires_at: row.expires_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    ended_by,
    ended_at: row.ended_at?.toISOString() ?? null,
    ended_reason,
  }
}

/** Throws Refusal (not_found). */
export async function getSupportGrant(db: IdentityDb, id: string): Promise<SupportGrantRow> {
  const row = await findSupportGrant(db, id)
  if (row === undefined) throw new Refusal('not_found', 'no such support grant')
  return row
}

/** Puts a step down for the organization to see; it has a request alone where it came about by itself. */
export function recordSupport(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  kind: SupportEvent,
  row: SupportGrantRow,
  by: { readonly actor: Actor; readonly origin: Origin } | { readonly requestId: string },
): Promise<void> {
  const { id: grant, role, duration_seconds: seconds, ended_reason: reason } = row
  return recordAudit(db, deps.makeId, kind, {
    outcome: 'success',
    ...('actor' in by ? byActor(by.actor, by.origin) : by),
    orgId: row.org_id,
    region: row.region,
    details: { grant, role, seconds, ...(reason === null ? {} : { reason }) },
  })
}

/** Mails the organization's managers, in the transaction of what they are told of. */
export async function tellManagers(
  deps: Pick<Deps, 'makeId' | 'randomBytes' | 'secrets'>,
  db: IdentityDb,
  kind: 'support_requested' | 'support_approved' | 'support_ended',
  row: SupportGrantRow,
): Promise<void> {
  const { org_name: org, region, reason, role } = row
  const minutes = Math.round(row.duration_seconds / 60)
  for (const to of await listAddressesOfManagers(db, row.org_id)) {
    await queueNotice(deps, db, { kind, to, org, region, reason, mayWrite: role === 'member', minutes })
  }
}
