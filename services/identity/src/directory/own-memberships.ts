// A person's own memberships: which they are, how they are called there, and leaving. No manager is asked.
import { withTransaction } from '@meridian/database/transaction'
import type { OwnMembership, OwnMembershipList } from '@meridian/protocol/members'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { changeMembership, listOwnMemberships, type OwnMembershipRow } from '../store/memberships.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { lockUser } from '../store/users.ts'
import { type Actor, byActor } from './by-actor.ts'
import { keepingLastManager } from './last-manager.ts'

type OwnDeps = Pick<Deps, 'db' | 'makeId'>

export async function readOwnMemberships(deps: Pick<Deps, 'db'>, userId: string): Promise<OwnMembershipList> {
  const rows = await listOwnMemberships(deps.db, userId)
  return { memberships: rows.map(presentOwnMembership) }
}

/** Throws Refusal (not_found). */
export async function renameOwnMembership(
  deps: OwnDeps,
  actor: Actor,
  id: string,
  displayName: string | null,
  origin: Origin,
): Promise<OwnMembership> {
  return withTransaction(deps.db, async (db) => {
    await lockUser(db, actor.userId)
    const own = await getOwn(db, actor, id)
    await changeMembership(db, own.id, { displayName }, 'any')
    if (own.display_name !== displayName) {
      const event = eventOf(actor, origin, own)
      await recordAudit(db, deps.makeId, 'membership.renamed', { ...event, outcome: 'success' })
    }
    return presentOwnMembership({ ...own, display_name: displayName })
  })
}

/** Throws Refusal: not_found, last_manager. */
export async function leaveMembership(deps: OwnDeps, actor: Actor, id: string, origin: Origin): Promise<void> {
  const event = eventOf(actor, origin, await getOwn(deps.db, actor, id))
  await keepingLastManager(deps, { ...event, kind: 'membership.left' }, async (db) => {
    await lockUser(db, actor.userId)
    const left = await changeMembership(db, id, { status: 'removed' }, 'any')
    if (!left) throw new Refusal('not_found', 'removed meanwhile')
    await recordAudit(db, deps.makeId, 'membership.left', { ...event, outcome: 'success' })
  })
}

async function getOwn(db: IdentityDb, actor: Actor, id: string): Promise<OwnMembershipRow> {
  const [own] = await listOwnMemberships(db, actor.userId, id)
  if (own === undefined) throw new Refusal('not_found', 'no such membership of theirs')
  return own
}

function eventOf(actor: Actor, origin: Origin, own: OwnMembershipRow) {
  return { ...byActor(actor, origin), orgId: own.org_id, region: own.region, details: { membership: own.id } }
}

export function presentOwnMembership(row: OwnMembershipRow): OwnMembership {
  return {
    id: row.id,
    org: { id: row.org_id, slug: row.slug, name: row.org_name },
    region: row.region,
    role: row.role,
    status: row.status,
    display_name: row.display_name,
    version: row.version,
  }
}
