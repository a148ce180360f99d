// What managers do to a membership: role, suspension, display name, removal. The person's row is locked first, then the
// organization's, and the authority is read again under that lock. An account is never touched here.
import type { Member, MemberChange } from '@meridian/protocol/members'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { AuditFields } from '../store/audit-events.ts'
import { changeMembership, findMember, type MemberRow, type MembershipChange } from '../store/memberships.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { lockUser } from '../store/users.ts'
import { requireAuthorityToChange } from './authority.ts'
import { type Actor, byActor } from './by-actor.ts'
import { keepingLastManager } from './last-manager.ts'
import { findMemberFor, presentMember } from './members.ts'

type ChangingDeps = Pick<Deps, 'db' | 'makeId'>

export type MemberPath = { readonly org: string; readonly membership: string }

/** Throws Refusal: access_denied, not_found, precondition_failed, last_manager. */
export async function changeMember(
  deps: ChangingDeps,
  actor: Actor,
  path: MemberPath,
  { role, status, display_name: displayName }: MemberChange,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<Member> {
  const seen = await findMemberFor(deps.db, actor, path.org, path.membership, 'members:write')
  const event = eventOf(actor, origin, seen.standing.org_id, seen.member)
  const kind = role === undefined ? 'membership.suspended' : 'membership.role_changed'
  return keepingLastManager(deps, { ...event, kind }, async (db) => {
    const before = await changeLocked(db, actor, path, seen.member, { role, status, displayName }, expected)
    const after = await getMember(db, path.membership, seen.standing.org_id)
    for (const change of changesBetween(before, after)) {
      await recordAudit(db, deps.makeId, change.kind, { ...event, ...change.fields, outcome: 'success' })
    }
    return presentMember(after)
  })
}

/** For good, but for a new invitation. Throws Refusal: access_denied, not_found, precondition_failed, last_manager. */
export async function removeMember(
  deps: ChangingDeps,
  actor: Actor,
  path: MemberPath,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<void> {
  const seen = await findMemberFor(deps.db, actor, path.org, path.membership, 'members:write')
  const event = { ...eventOf(actor, origin, seen.standing.org_id, seen.member), kind: 'membership.removed' } as const
  await keepingLastManager(deps, event, async (db) => {
    const before = await changeLocked(db, actor, path, seen.member, { status: 'removed' }, expected)
    const { kind, ...rest } = event
    const fields = { before: { role: before.role, status: before.status }, after: { status: 'removed' } }
    await recordAudit(db, deps.makeId, kind, { ...rest, ...fields, outcome: 'success' })
  })
}

/** Changes the membership under both locks; resolves to what it was before. */
async function changeLocked(
  db: IdentityDb,
  actor: Actor,
  path: MemberPath,
  seen: MemberRow,
  change: MembershipChange,
  expected: ExpectedVersions,
): Promise<MemberRow> {
  await lockUser(db, seen.user_id)
  const standing = await requireAuthorityToChange(db, actor, path.org, 'members:write', seen.region)
  const before = await getMember(db, path.membership, standing.org_id)
  if (await changeMembership(db, before.id, change, expected)) return before
  throw new Refusal('precondition_failed', 'another version')
}

async function getMember(db: IdentityDb, id: string, orgId: string): Promise<MemberRow> {
  const member = await findMember(db, id, orgId)
  if (member === undefined) throw new Refusal('not_found', 'removed meanwhile')
  return member
}

function eventOf(actor: Actor, origin: Origin, orgId: string, member: MemberRow) {
  const details = { membership: member.id, user: member.user_id }
  return { ...byActor(actor, origin), orgId, region: member.region, details }
}

type Change = { readonly kind: AuditKind; readonly fields: { before?: AuditFields; after?: AuditFields } }

/** Names are personal: that one was changed is told, and not what it is. */
function changesBetween(before: MemberRow, after: MemberRow): readonly Change[] {
  const changes: Change[] = []
  if (before.role !== after.role) {
    const fields = { before: { role: before.role }, after: { role: after.role } }
    changes.push({ kind: 'membership.role_changed', fields })
  }
  if (before.status !== after.status) {
    const kind = after.status === 'suspended' ? 'membership.suspended' : 'membership.resumed'
    changes.push({ kind, fields: { before: { status: before.status }, after: { status: after.status } } })
  }
  if (before.display_name !== after.display_name) changes.push({ kind: 'membership.renamed', fields: {} })
  return changes
}
