// Who is a member of an organization here, as the change feed has told. They are changed at the centre.
import { type MembershipId, membershipIdSchema, type OrgId } from '@meridian/protocol/ids'
import type { Role } from '@meridian/protocol/roles'
import { listMembers, type MemberRow } from '../store/memberships.ts'
import type { RegionDatabase } from '../store/open-store.ts'
import { withTenant } from '../store/tenant-transaction.ts'

export type MembersDeps = { readonly database: RegionDatabase }

export type MemberFilter = { readonly role?: Role | undefined; readonly status?: 'active' | 'suspended' | undefined }

export async function pageOfMembers(
  { database }: MembersDeps,
  orgId: OrgId,
  page: MemberFilter & { readonly limit: number; readonly after: MembershipId | null },
): Promise<{ members: readonly MemberRow[]; nextAfter: MembershipId | null }> {
  const oneMore = { ...page, limit: page.limit + 1 }
  const found = await withTenant(database, orgId, (db) => listMembers(db, orgId, oneMore))
  const members = found.slice(0, page.limit)
  const last = members.at(-1)
  const hasMore = found.length > page.limit && last !== undefined
  return { members, nextAfter: hasMore ? membershipIdSchema.parse(last.id) : null }
}
