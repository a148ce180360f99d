import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { type SupportMint, useSupportGrant } from '../store/support-admission.ts'

/** Admits a sys-admin by a support grant, and leaves word of each token with the organization. */
export function admitSupport(
  deps: Pick<Deps, 'db' | 'makeId'>,
  session: Parameters<typeof useSupportGrant>[1],
  target: Parameters<typeof useSupportGrant>[2],
  origin: Origin,
): Promise<SupportMint | undefined> {
  return withTransaction(deps.db, async (db) => {
    const mint = await useSupportGrant(db, session, target)
    if (mint === undefined) return undefined
    await recordAudit(db, deps.makeId, 'support.token_issued', {
      outcome: 'success',
      requestId: origin.requestId,
      ip: origin.ip,
      actorUserId: mint.user_id,
      clientId: session.clientId,
      sessionId: session.sessionId,
      orgId: mint.org_id,
      region: mint.region,
      details: { grant: mint.mid, role: mint.role },
    })
    return mint
  })
}
