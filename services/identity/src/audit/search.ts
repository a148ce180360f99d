// The audit as its readers see it. Whose it is to read is decided before (directory/authority.ts, http/bearer.ts); here
// it is decided what of it they see.
import { type AuditPage, type AuditQuery, auditPageSchema } from '@meridian/protocol/audit'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { type AuditPlace, type AuditScope, type AuditView, findAuditPlace, searchAudit } from '../store/audit-search.ts'
import type { AuditKind } from './record.ts'

/** What happens to an organization as a whole; what goes on inside is its own. */
const KINDS_OF_ORGANIZATIONS: readonly AuditKind[] = [
  'organization.created',
  'organization.slug_changed',
  'organization.status_changed',
  'organization.deleted',
  'organization.restored',
  'organization.purged',
  'organization.region_added',
  'organization.region_withdrawn',
  'organization.first_manager_added',
]

export function scopeOfOrganization(orgId: string, regions: readonly string[]): AuditScope {
  return { kind: 'org', orgId, regions }
}

export const PLATFORM_SCOPE: AuditScope = { kind: 'platform', kindsOfOrganizations: KINDS_OF_ORGANIZATIONS }

/** Throws Refusal (invalid_request) where the cursor is none of this list's events, of whomever it is. */
export async function listAudit(deps: Pick<Deps, 'db'>, scope: AuditScope, query: AuditQuery): Promise<AuditPage> {
  const { kind = null, actor = null, outcome = null, from = null, to = null, cursor, limit } = query
  const after = cursor === undefined ? undefined : await getPlace(deps, scope, cursor)
  const rows = await searchAudit(deps.db, scope, { kind, actor, outcome, from, to, after }, limit + 1)
  const page = rows.slice(0, limit)
  const last = rows.length > limit ? page.at(-1) : undefined
  return auditPageSchema.parse({ events: page.map(viewOf), next_cursor: last?.id ?? null })
}

async function getPlace(deps: Pick<Deps, 'db'>, scope: AuditScope, cursor: string): Promise<AuditPlace> {
  const place = await findAuditPlace(deps.db, scope, cursor)
  if (place === undefined) throw new Refusal('invalid_request', 'no event of these', 'cursor: is none of this list')
  return place
}

const personalSchema = z.object({ ip: z.string().optional() })

/** Who it was, and from where, only where that is for these readers to know. */
export function viewOf(row: AuditView) {
  const { id, at, kind, outcome, org_id, region, request_id, details, seq } = row
  const known = row.is_known ? row : undefined
  const personal = known?.personal == null ? {} : personalSchema.parse(JSON.parse(known.personal))
  return {
    id,
    at,
    kind,
    outcome,
    actor: { kind: row.actor_kind, id: known?.actor_user_id ?? null },
    client_id: known?.client_id ?? null,
    session_id: known?.session_id ?? null,
    org_id,
    region,
    request_id,
    ip: personal.ip ?? null,
    details,
    seq,
  }
}

export type { AuditScope }
