// What a region is to erase. An order stays open until the region says that it has carried it out; what waits for that
// (an organization's purge) asks the store.
import { withTransaction } from '@meridian/database/transaction'
import { type ErasureOrderPage, erasureOrderPageSchema } from '@meridian/protocol/erasures'
import type { PageQuery } from '@meridian/protocol/paging'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import {
  acknowledgeErasureOrder,
  isErasureOrderOf,
  listOpenErasureOrders,
  reopenErasureOrders,
} from '../store/erasure-orders.ts'
import { type Follower, takeReturn } from '../store/feed-followers.ts'

export async function listErasures(
  deps: Pick<Deps, 'db'>,
  region: string,
  { limit, cursor }: PageQuery,
): Promise<ErasureOrderPage> {
  const found = await listOpenErasureOrders(deps.db, region, { limit: limit + 1, after: cursor ?? null })
  const orders = found.slice(0, limit)
  return erasureOrderPageSchema.parse({
    orders: orders.map(({ id, kind, subjectId }) => ({ id, kind, subject_id: subjectId })),
    next_cursor: found.length > limit ? (orders.at(-1)?.id ?? null) : null,
  })
}

/** Once for good; a repeat changes nothing. Throws Refusal (not_found) for what is no order of this region. */
export async function acknowledgeErasure(
  deps: Pick<Deps, 'db' | 'makeId'>,
  region: { readonly code: string; readonly clientId: string },
  id: string,
  requestId: string,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    const order = await acknowledgeErasureOrder(db, region.code, id)
    if (order === undefined) {
      if (await isErasureOrderOf(db, region.code, id)) return
      throw new Refusal('not_found', "no order of this region's")
    }
    await recordAudit(db, deps.makeId, 'erasure.acknowledged', {
      outcome: 'success',
      requestId,
      clientId: region.clientId,
      region: region.code,
      ...(order.kind === 'organization' ? { orgId: order.subjectId } : {}),
      details: { kind: order.kind, subject_id: order.subjectId },
    })
  })
}

/** The clocks of two servers of the centre's database may have been this far apart. */
const CLOCKS_APART_MS = 3_600_000

/**
 * A region whose database is from a backup has once more what it erased since: what it acknowledged after that time, or
 * whenever where that is not known, it is asked for again.
 */
export async function orderErasuresAgain(deps: Pick<Deps, 'db' | 'makeId' | 'log'>, follower: Follower): Promise<void> {
  const { region } = follower
  const orders = await withTransaction(deps.db, async (db) => {
    const sinceMs = await takeReturn(db, follower)
    if (sinceMs === undefined) return undefined
    const from = sinceMs === null ? undefined : sinceMs - CLOCKS_APART_MS
    const reopened = await reopenErasureOrders(db, region, from)
    if (reopened === 0) return reopened
    await recordAudit(db, deps.makeId, 'region.went_back', {
      outcome: 'success',
      requestId: 'feed',
      clientId: follower.clientId,
      region,
      details: { erasures_ordered_again: reopened },
    })
    return reopened
  })
  if (orders !== undefined) deps.log.warn({ region, erasures: orders }, 'a region was restored from a backup')
}
