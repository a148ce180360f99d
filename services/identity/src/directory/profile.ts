import { withTransaction } from '@meridian/database/transaction'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { renameUser } from '../store/users.ts'
import { type Actor, byActor } from './by-actor.ts'

/** Gives the person another name. Resolves to the account's version. Throws Refusal: precondition_failed, invalid_token. */
export async function renameOwnAccount(
  deps: Pick<Deps, 'db' | 'makeId'>,
  person: Actor,
  name: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<number> {
  return withTransaction(deps.db, async (db) => {
    const version = await renameUser(db, person.userId, name, expected)
    if (version === undefined)
      throw new Refusal(expected === 'any' ? 'invalid_token' : 'precondition_failed', 'another version, or gone')
    await recordAudit(db, deps.makeId, 'user.renamed', { ...byActor(person, origin), outcome: 'success' })
    return version
  })
}
