// The person whom a sys-admin makes manager: of an organization that is provisioned, or of one that has lost all of its own.
// That is all that sys-admins do to an organization's people.

import { userIdSchema } from '@meridian/protocol/ids'
import type { FirstManager, FirstManagerAdded } from '@meridian/protocol/org-details'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { queueNotice } from '../mail/notice.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { hasActiveManager, insertManager, isMembershipOfSysAdmin } from '../store/organizations.ts'
import { findUserByEmail, insertUserIfAbsent, lockUser } from '../store/users.ts'
import { answerOnce } from './answer-once.ts'
import { byActor } from './by-actor.ts'
import { lockForSysAdmins, recordingRefusal, requireNotDeleted } from './organization-change.ts'
import type { Caller } from './organization-details.ts'

export type AppointingDeps = Pick<Deps, 'db' | 'makeId' | 'randomBytes' | 'secrets'>

/**
 * Only where nobody manages the organization. Throws Refusal: not_found, manager_present, conflict, email_taken,
 * sys_admin_cannot_be_member, idempotency_key_reused.
 */
export async function addFirstManager(
  deps: AppointingDeps,
  caller: Caller,
  org: string,
  person: FirstManager,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<FirstManagerAdded> {
  const attempt = { kind: 'organization.first_manager_added', caller, org, origin } as const
  const key = { scope: `first_manager ${caller.userId} ${org}`, value: idempotencyKey, request: person }
  try {
    return await recordingRefusal(deps, attempt, (db) =>
      answerOnce(db, key, 201, async () => {
        const userId = await lockManagerToBe(deps, db, person)
        const { row } = await lockForSysAdmins(db, attempt)
        requireNotDeleted(row)
        if (await hasActiveManager(db, row.id)) throw new Refusal('manager_present', 'somebody manages it')
        const regions = row.regions
        if (regions.length === 0) throw new Refusal('conflict', 'it is in no region', 'It is in no region that is open')
        await insertManager(db, deps.makeId, { userId, orgId: row.id, regions })
        await tellManager(deps, db, person.email, row.name)
        const event = { ...byActor(caller, origin), orgId: row.id, details: { regions, first_manager: userId } }
        await recordAudit(db, deps.makeId, attempt.kind, { ...event, outcome: 'success' })
        return { first_manager: { id: userIdSchema.parse(userId) }, regions }
      }),
    )
  } catch (error) {
    throw isMembershipOfSysAdmin(error) ? ofSysAdmin() : error
  }
}

/** A first manager has invited nobody and was invited by nobody: this is how they learn of it. */
export function tellManager(deps: AppointingDeps, db: IdentityDb, email: string, orgName: string): Promise<void> {
  return queueNotice(deps, db, { kind: 'manager_appointed', to: email, orgName })
}

export function ofSysAdmin(): Refusal {
  return new Refusal('sys_admin_cannot_be_member', 'the first manager is a sys-admin')
}

/** Who has this address, or will from now on; locked. Throws Refusal: email_taken, conflict. */
export async function lockManagerToBe(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  { email, name }: FirstManager,
): Promise<string> {
  await insertUserIfAbsent(db, { id: deps.makeId(), email, name })
  const manager = await findUserByEmail(db, email)
  if (manager === null)
    throw new Refusal(
      'email_taken',
      'somebody may still have this address back',
      'first_manager: the address is held for whoever had it lately',
    )
  const locked = await lockUser(db, manager.id)
  if (locked?.status !== 'active')
    throw new Refusal('conflict', 'the account is locked', 'first_manager: the account is locked')
  return manager.id
}
