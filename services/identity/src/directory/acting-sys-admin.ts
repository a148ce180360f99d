import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { lockSysAdmins } from '../store/sys-admins.ts'
import { OPERATOR } from './by-actor.ts'

/**
 * Reads in the transaction of a sys-admin's write that they still are one, and keeps it so until it ends: who is dismissed
 * or locked first writes nothing any more. Locks the person whom it is about as well, in the order of ids; comes before any
 * lock of an organization. Throws Refusal (access_denied).
 */
export async function requireActingSysAdmin(
  db: IdentityDb,
  actor: { readonly userId: string },
  about?: string,
): Promise<void> {
  const people = [actor.userId, about].filter((id) => id !== undefined && id !== OPERATOR.userId) as string[]
  const acting = await lockSysAdmins(db, people)
  if (actor.userId !== OPERATOR.userId && !acting.includes(actor.userId))
    throw new Refusal('access_denied', 'dismissed or locked meanwhile')
}
