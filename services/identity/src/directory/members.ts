// The members of an organization, for its managers: in the regions in which they have authority, and nobody else's. A
// membership beyond them is not told apart from one that does not exist.
import type { Member, MemberPage, MemberPageQuery } from '@meridian/protocol/members'
import type { Permission } from '@meridian/protocol/roles'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Standing } from '../store/authority.ts'
import { findMember, listMembers, type MemberRow } from '../store/memberships.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { type Acting, mayAct, regionsOfAuthority, requireAuthority } from './authority.ts'
import { instantOf } from './instant.ts'

/** Throws Refusal (access_denied), also for a region in which the person has no authority. */
export async function listMembersOf(
  deps: Pick<Deps, 'db'>,
  person: Acting,
  org: string,
  query: MemberPageQuery,
): Promise<MemberPage> {
  const { region, role, status, search, cursor: after, limit } = query
  const standing = await requireAuthority(deps.db, person, org, 'members:read', region)
  const regions = region === undefined ? regionsOfAuthority(standing, 'members:read') : [region]
  const filter = { regions, role, status, search, after, limit: limit + 1 }
  const rows = await listMembers(deps.db, standing.org_id, filter)
  const members = rows.slice(0, limit).map(presentMember)
  return { members, next_cursor: rows.length > limit ? (members.at(-1)?.id ?? null) : null }
}

/** Throws Refusal: access_denied, not_found. */
export async function readMember(
  deps: Pick<Deps, 'db'>,
  person: Acting,
  org: string,
  membership: string,
): Promise<Member> {
  const { member } = await findMemberFor(deps.db, person, org, membership, 'members:read')
  return presentMember(member)
}

/** A membership over which the person has this authority. Throws Refusal: access_denied, not_found. */
export async function findMemberFor(
  db: IdentityDb,
  person: Acting,
  org: string,
  membership: string,
  permission: Permission,
): Promise<{ standing: Standing; member: MemberRow }> {
  const standing = await requireAuthority(db, person, org, permission)
  const member = await findMember(db, membership, standing.org_id)
  if (member === undefined || !mayAct(standing, permission, member.region)) {
    throw new Refusal('not_found', 'no such membership, or in a region without authority')
  }
  return { standing, member }
}

export function presentMember(row: MemberRow): Member {
  return {
    id: row.id,
    user: { id: row.user_id, name: row.name, email: row.email },
    region: row.region,
    role: row.role,
    status: row.status,
    display_name: row.display_name,
    version: row.version,
    created_at: instantOf(row.created_at),
    changed_at: instantOf(row.changed_at),
  }
}
