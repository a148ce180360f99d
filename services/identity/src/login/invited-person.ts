import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { insertInvitedUser } from '../store/invitation-answers.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findUserByEmail, type User } from '../store/users.ts'

/**
 * The person at an invited address that has just been proved: their account is made by the first right code, once
 * however many come at once, and is a member of nothing yet. Undefined where nobody waits for them any more.
 */
export async function admitInvitedPerson(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  invitation: string,
  origin: Origin,
): Promise<User | undefined> {
  const userId = deps.makeId()
  const admitted = await insertInvitedUser(db, invitation, userId)
  if (admitted === undefined) return undefined
  if (admitted.isNew) {
    await recordAudit(db, deps.makeId, 'user.created', {
      outcome: 'success',
      requestId: origin.requestId,
      ip: origin.ip,
      actorUserId: userId,
      details: { invitation },
    })
  }
  return (await findUserByEmail(db, admitted.email)) ?? undefined
}
