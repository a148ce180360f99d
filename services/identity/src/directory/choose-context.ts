import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { rememberContext } from '../store/contexts.ts'

/** The switcher's click: remembered for this person and client. Throws Refusal (access_denied), for any reason. */
export async function chooseContext(
  deps: Pick<Deps, 'db' | 'makeId'>,
  person: { readonly userId: string; readonly clientId: string; readonly sessionId: string | null },
  context: { readonly orgId: string; readonly region: string },
  origin: Origin,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    if (!(await rememberContext(db, person, context))) throw new Refusal('access_denied', 'no such context for them')
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
