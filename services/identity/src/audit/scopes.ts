// What of the audit an operator names: an organization by id or slug, or the platform.
import { Refusal } from '../refusal.ts'
import { findConcernedOrg } from '../store/audit-refusals.ts'
import { PLATFORM_CHAIN } from '../store/audit-rows.ts'
import type { AuditScope } from '../store/audit-search.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { PLATFORM_SCOPE } from './search.ts'

/** Throws Refusal (not_found). */
export async function findChainOf(db: IdentityDb, org: string): Promise<string> {
  if (org === 'platform') return PLATFORM_CHAIN
  const found = await findConcernedOrg(db, org, null)
  if (found === undefined) throw new Refusal('not_found', 'there is no such organization')
  return found.org_id
}

/** All of an organization, in every region; the platform without one. */
export async function findScopeOf(db: IdentityDb, org: string | undefined): Promise<AuditScope> {
  if (org === undefined || org === 'platform') return PLATFORM_SCOPE
  return { kind: 'org', orgId: await findChainOf(db, org), regions: null }
}
