import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { rememberContext } from '../store/contexts.ts'
import { findRegionHealth } from '../store/region-health.ts'
import { lockUser } from '../store/users.ts'

/** Seconds after which it is worth another try: a region that is back is known to be within a few. */
const TRY_AGAIN_SECONDS = 15

/**
 * The switcher's click: remembered for this person and client. Throws Refusal: access_denied, for any reason; invalid_token;
 * region_unavailable, which remembers nothing.
 */
export async function chooseContext(
  deps: Pick<Deps, 'db' | 'makeId'>,
  person: { readonly userId: string; readonly clientId: string; readonly sessionId: string | null },
  context: { readonly orgId: string; readonly region: string },
  origin: Origin,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    // Nothing is written of somebody who deletes their account meanwhile.
    const account = await lockUser(db, person.userId)
    if (account?.status !== 'active') throw new Refusal('invalid_token', 'deleted or locked meanwhile')
    if (!(await rememberContext(db, person, context))) throw new Refusal('access_denied', 'no such context for them')
    // After the rest: how a region is, is told to those alone who may act there.
    if ((await findRegionHealth(db, context.region)) === 'unreachable') {
      const options = { retryAfterSeconds: TRY_AGAIN_SECONDS }
      throw new Refusal('region_unavailable', 'the region was not heard of lately', undefined, options)
    }
    await recordAudit(db, deps.makeId, 'context.chosen', {
      outcome: 'success',
      requestId: origin.requestId,
      ip: origin.ip,
      actorUserId: person.userId,
      clientId: person.clientId,
      sessionId: person.sessionId,
      orgId: context.orgId,
      region: context.region,
    })
  })
}
