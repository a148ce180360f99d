// Support access that nobody ended: its time is up, the organization closed, or whoever had asked for it is no sys-admin
// any more. What takes the ground from under a grant ends it in its own transaction; a look each half minute finds those
// whose time is up, and what was changed by hand. Tokens stop by themselves as well (store/support-admission.ts).
import { withTransaction } from '@meridian/database/transaction'
import type { Deps } from '../deps.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { endLapsedSupportGrants, endOverdueSupportGrants, type SupportParty } from '../store/support-grants.ts'
import { getSupportGrant, recordSupport, type SupportDeps, tellManagers } from './support-grant.ts'

const LOOK_EVERY_MS = 30_000
const BATCH_GRANTS = 50

/** Resolves to how many were ended. */
export async function endOverdueSupport(deps: SupportDeps): Promise<number> {
  let total = 0
  for (let ended = BATCH_GRANTS; ended === BATCH_GRANTS; total += ended) {
    ended = await withTransaction(deps.db, async (db) => {
      const ids = await endOverdueSupportGrants(db, BATCH_GRANTS)
      await tellOfEnds(deps, db, ids, 'support')
      return ids.length
    })
  }
  return total
}

/**
 * Ends what a change took the ground from: of a sys-admin who is none any more, or of an organization that closed or left a
 * region. Comes after the change, in its transaction.
 */
export async function endLapsedSupport(
  deps: SupportDeps,
  db: IdentityDb,
  party: SupportParty,
  requestId: string,
): Promise<void> {
  await tellOfEnds(deps, db, await endLapsedSupportGrants(db, party), requestId)
}

async function tellOfEnds(deps: SupportDeps, db: IdentityDb, ids: readonly string[], requestId: string): Promise<void> {
  for (const id of ids) {
    const row = await getSupportGrant(db, id)
    await recordSupport(deps, db, 'support.ended', row, { requestId })
    await tellManagers(deps, db, 'support_ended', row)
  }
}

export function startEndingSupport(deps: SupportDeps & Pick<Deps, 'log'>): Kept {
  const look = async () => {
    try {
      const ended = await endOverdueSupport(deps)
      if (ended > 0) deps.log.info({ ended }, 'support access ended by itself')
    } catch (error) {
      deps.log.warn({ err: error }, 'support access could not be ended; it is tried again soon')
    }
  }
  return keepDoing(look, LOOK_EVERY_MS)
}
