import { withTransaction } from '@meridian/database/transaction'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { ALL_SESSIONS, endSessions } from '../store/end-sessions.ts'
import { isMembershipOfSysAdmin } from '../store/organizations.ts'
import { appointSysAdmin, countSysAdminsForUpdate } from '../store/sys-admins.ts'
import { findUserByEmail, insertUserIfAbsent } from '../store/users.ts'

/**
 * Appoints the first sys-admin: once per installation, however many ask at the same time. Throws Refusal
 * (conflict) where there is one already, or where the person has a membership.
 */
export async function appointFirstSysAdmin(
  deps: Pick<Deps, 'db' | 'makeId'>,
  person: { readonly email: string; readonly name: string },
): Promise<{ readonly userId: string }> {
  try {
    return await withTransaction(deps.db, async (db) => {
      if ((await countSysAdminsForUpdate(db)) > 0) throw new Refusal('conflict', 'there is a sys-admin already')
      await insertUserIfAbsent(db, { id: deps.makeId(), ...person })
      const user = await findUserByEmail(db, person.email)
      if (user === null || user.status !== 'active') throw new Refusal('conflict', 'this account is not active')
      await appointSysAdmin(db, user.id)
      // Sessions from before live by the rules of an ordinary account: they end.
      await endSessions(db, user.id, ALL_SESSIONS, 'party_gone')
      await recordAudit(db, deps.makeId, 'sys_admin.appointed', {
        outcome: 'success',
        requestId: 'command',
        actorUserId: user.id,
      })
      return { userId: user.id }
    })
  } catch (error) {
    if (isMembershipOfSysAdmin(error)) throw new Refusal('conflict', 'this person is a member of an organization')
    throw error
  }
}
