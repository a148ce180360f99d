// A person deletes their account: at once, since the sign-in that is asked for has just proved their mailbox. One
// transaction ends what they could act with, erases what is held about them here, and orders the regions to do the same;
// their id stays as a tombstone. What stays besides, and for how long, is README.md's "Deleting an account".
import { withTransaction } from '@meridian/database/transaction'
import { eraseAuditDetails } from '../audit/erase.ts'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import { contactMacs } from '../secrets/contact-mac.ts'
import {
  endMemberships,
  erasePerson,
  findUndoableUntil,
  listOrganizationsDependingOn,
  lockOrganizationsOfPerson,
  turnIntoTombstone,
} from '../store/delete-person.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import { insertErasureOrders } from '../store/erasure-orders.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { forgetBudgets, listOwnAddresses } from '../store/person-contacts.ts'
import { lockUser } from '../store/users.ts'
import { type Actor, byActor } from './by-actor.ts'
import { endLapsedSupport } from './end-overdue-support.ts'
import { instantOf } from './instant.ts'
import { refusalOfLoss } from './refusal-of-loss.ts'

type DeletionDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

/**
 * Throws Refusal: last_manager (with the organizations), conflict (the last sys-admin; an address that may still be given
 * back), invalid_token (deleted or locked meanwhile).
 */
export async function deleteOwnAccount(deps: DeletionDeps, person: Actor, origin: Origin): Promise<void> {
  try {
    await withTransaction(deps.db, (db) => deletePerson(deps, db, person, origin))
  } catch (error) {
    const refusal = refusalOfLoss(error) ?? error
    // Of a repeat nothing is written: it comes after the erasure.
    if (!(refusal instanceof Refusal) || refusal.code === 'invalid_token') throw refusal
    const event = { ...byActor(person, origin), outcome: 'refused', details: { reason: refusal.code } } as const
    await recordAudit(deps.db, deps.makeId, 'user.deleted', event)
    throw refusal
  }
}

async function deletePerson(deps: DeletionDeps, db: IdentityDb, person: Actor, origin: Origin): Promise<void> {
  const { userId } = person
  const account = await lockUser(db, userId)
  if (account?.status !== 'active') throw new Refusal('invalid_token', 'deleted or locked meanwhile')
  await lockOrganizationsOfPerson(db, userId)
  await refuseWhereNeeded(db, userId)
  const addresses = await listOwnAddresses(db, userId)
  const macs = addresses.flatMap((address) => contactMacs(deps.secrets, address))
  // Before sessions end: whoever has just answered a code is waited for, and their session is seen below.
  await forgetBudgets(db, macs)
  const sessions = await endSessions(db, userId, ALL_SESSIONS, 'party_gone')
  await turnIntoTombstone(db, userId)
  await endLapsedSupport(deps, db, { requestedBy: userId }, origin.requestId)
  const memberships = await endMemberships(db, userId)
  const regions = [...new Set(memberships.map(({ region }) => region))]
  await insertErasureOrders(db, deps.makeId, { kind: 'user', subjectId: userId }, regions)
  await erasePerson(db, { id: userId, addresses, contactMacs: macs })
  await eraseAuditDetails(db, userId)
  const event = { outcome: 'success', requestId: origin.requestId, actorUserId: userId } as const
  const ended = memberships.filter((membership) => membership.was_held)
  for (const { id, org_id: orgId, region } of ended)
    await recordAudit(db, deps.makeId, 'membership.left', { ...event, orgId, region, details: { membership: id } })
  const details = { sessions_ended: sessions.length, memberships_ended: ended.length, regions }
  await recordAudit(db, deps.makeId, 'user.deleted', { ...event, details })
  if (account.email !== null) await queueNotice(deps, db, { kind: 'account_deleted', to: account.email })
}

const APPOINT_FIRST = 'Make somebody else a manager there first'
const ASK_SYS_ADMINS =
  "Where an organization is suspended, or your region of it withdrawn, only the platform's system administrators can help: ask them"

async function refuseWhereNeeded(db: IdentityDb, userId: string): Promise<void> {
  const organizations = await listOrganizationsDependingOn(db, userId, 'deletion')
  if (organizations.length > 0) {
    const isOwnToMend = organizations.every(({ helped_by: helpedBy }) => helpedBy === 'managers')
    const detail = isOwnToMend ? APPOINT_FIRST : `${APPOINT_FIRST}. ${ASK_SYS_ADMINS}`
    throw new Refusal('last_manager', 'the last manager somewhere', detail, { members: { organizations } })
  }
  const until = await findUndoableUntil(db, userId)
  if (until === undefined) return
  // The account may be in other hands, and whoever had the old address may still have it back.
  const detail = 'The address was changed lately: delete the account once that cannot be undone any more'
  throw new Refusal('conflict', 'an address may be given back', detail, {
    members: { possible_from: instantOf(until) },
  })
}
