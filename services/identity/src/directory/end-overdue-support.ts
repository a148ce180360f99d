// Support access that nobody ended: its time is up, the organization closed, or whoever had asked for it is no sys-admin
// any more. Tokens stop with these by themselves (store/support-admission.ts); this tells the region and the managers.
import { withTransaction } from '@meridian/database/transaction'
import type { Deps } from '../deps.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import { endOverdueSupportGrants } from '../store/support-grants.ts'
import { getSupportGrant, recordSupport, type SupportDeps, tellManagers } from './support-grant.ts'

const LOOK_EVERY_MS = 30_000
const BATCH_GRANTS = 50

/** Resolves to how many were ended. */
export async function endOverdueSupport(deps: SupportDeps): Promise<number> {
  let total = 0
  for (let ended = BATCH_GRANTS; ended === BATCH_GRANTS; total += ended) {
    ended = await withTransaction(deps.db, async (db) => {
      const ids = await endOverdueSupportGrants(db, BATCH_GRANTS)
      for (const id of ids) {
        const row = await getSupportGrant(db, id)
        await recordSupport(deps, db, 'support.ended', row, null)
        await tellManagers(deps, db, 'support_ended', row)
      }
      return ids.length
    })
  }
  return total
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
