// Orders to regions to compare, mend or rebuild their copy: given by sys-admins and by command, carried out by the region,
// which says how it goes. A region is at one order at a time; what it does not finish in a day is cancelled.
import { withTransaction } from '@meridian/database/transaction'
import type {
  SyncOrder,
  SyncOrderCreate,
  SyncOrdered,
  SyncOrderList,
  SyncOrderQuery,
  SyncProgress,
} from '@meridian/protocol/sync-orders'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  cancelOpenOrder,
  cancelOverdueOrders,
  findSyncOrder,
  insertSyncOrder,
  listOrderableRegions,
  listSyncOrders,
  noteSyncProgress,
  type OrderableRegion,
  type SyncOrderRow,
} from '../store/sync-orders.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { answerOnce } from './answer-once.ts'
import { type Actor, byActor, OPERATOR } from './by-actor.ts'
import { instantOf } from './instant.ts'

const FINISHED_WITHIN_SECONDS = 86_400

type OrderDeps = Pick<Deps, 'db' | 'makeId'>

/**
 * Orders it from each region by itself. Throws Refusal: access_denied, unknown_region, idempotency_key_reused; conflict
 * where every region is at something else and `force` was not said.
 */
export async function orderSync(
  deps: OrderDeps,
  actor: Actor,
  wanted: SyncOrderCreate,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<SyncOrdered> {
  const key = { scope: `order_sync ${actor.userId}`, value: idempotencyKey, request: wanted }
  return withTransaction(deps.db, async (db) => {
    await requireActingSysAdmin(db, actor)
    if (wanted.dry_run) return { dry_run: true, regions: (await orderable(db, wanted)).map(rehearse(wanted)) }
    return answerOnce(db, key, 201, () => order(deps, db, actor, wanted, origin))
  })
}

async function order(
  deps: OrderDeps,
  db: IdentityDb,
  actor: Actor,
  wanted: SyncOrderCreate,
  origin: Origin,
): Promise<SyncOrdered> {
  const regions: SyncOrdered['regions'] = []
  for (const { code } of await orderable(db, wanted)) {
    const cancelled = wanted.force ? await cancelOpenOrder(db, code) : undefined
    if (cancelled !== undefined) await record(deps, db, 'sync.cancelled', cancelled, byActor(actor, origin))
    const requestedBy = actor.userId === OPERATOR.userId ? null : actor.userId
    const { kind, force: isForced } = wanted
    const row = await insertSyncOrder(db, { id: deps.makeId(), region: code, kind, requestedBy, isForced })
    if (row !== undefined) await record(deps, db, 'sync.ordered', row, byActor(actor, origin))
    // Whoever was quicker is named: it was not to be seen before this one had waited for it.
    const [now] = row === undefined ? await listOrderableRegions(db, [code]) : []
    regions.push({
      region: code,
      outcome: row === undefined ? 'conflict' : 'ordered',
      open_order: cancelled?.id ?? now?.open_order ?? null,
      order: row === undefined ? null : present(row),
    })
  }
  if (regions.every(({ outcome }) => outcome === 'conflict')) {
    const members = { regions: regions.map(({ region, open_order }) => ({ region, open_order })) }
    throw new Refusal('conflict', 'regions are at another order', 'They are at another order; see force', { members })
  }
  return { dry_run: false, regions }
}

const rehearse =
  ({ force }: SyncOrderCreate) =>
  ({ code, open_order: openOrder }: OrderableRegion): SyncOrdered['regions'][number] => ({
    region: code,
    outcome: openOrder === null || force ? 'would_order' : 'conflict',
    open_order: openOrder,
    order: null,
  })

/** Throws Refusal (unknown_region): of a list, all must be there. */
async function orderable(db: IdentityDb, { regions }: SyncOrderCreate): Promise<readonly OrderableRegion[]> {
  const found = await listOrderableRegions(db, regions)
  const isUnknown = regions?.some((code) => !found.some((region) => region.code === code)) ?? false
  if (isUnknown) throw new Refusal('unknown_region', 'no such active region', 'regions: names one that is unknown')
  return found
}

/** Throws Refusal (not_found). */
export async function readSyncOrder(deps: Pick<Deps, 'db'>, id: string): Promise<SyncOrder> {
  const row = await findSyncOrder(deps.db, id)
  if (row === undefined) throw new Refusal('not_found', 'no such order')
  return present(row)
}

export async function readSyncOrders(
  deps: Pick<Deps, 'db'>,
  { limit, cursor, region }: SyncOrderQuery,
): Promise<SyncOrderList> {
  const rows = await listSyncOrders(deps.db, { before: cursor, region, limit: limit + 1 })
  const orders = rows.slice(0, limit).map(present)
  return { orders, next_cursor: rows.length > limit ? (orders.at(-1)?.id ?? null) : null }
}

/**
 * What a region says of an order of its own. The last word stands: said again it changes nothing, and anything else comes
 * too late. Throws Refusal: not_found; conflict, upon which the region gives the order up.
 */
export async function takeSyncProgress(
  deps: OrderDeps,
  by: { readonly region: string; readonly clientId: string },
  id: string,
  progress: SyncProgress,
  requestId: string,
): Promise<void> {
  await withTransaction(deps.db, async (db) => {
    const row = await noteSyncProgress(db, by.region, id, progress)
    if (row === undefined) {
      const known = await findSyncOrder(db, id)
      if (known?.region !== by.region) throw new Refusal('not_found', "no order of this region's")
      if (known.status === progress.status) return
      throw new Refusal('conflict', 'the order is finished', 'The order is finished, or was cancelled')
    }
    if (row.finished_at === null) return
    await record(deps, db, 'sync.finished', row, { requestId, clientId: by.clientId })
  })
}

/** Resolves to how many there were. */
export async function cancelUnfinishedOrders(deps: OrderDeps): Promise<number> {
  return withTransaction(deps.db, async (db) => {
    const rows = await cancelOverdueOrders(db, FINISHED_WITHIN_SECONDS)
    for (const row of rows) await record(deps, db, 'sync.cancelled', row, { requestId: 'overdue' })
    return rows.length
  })
}

function record(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  kind: AuditKind,
  { id, region, kind: ordered, status, report }: SyncOrderRow,
  by: Partial<ReturnType<typeof byActor>> & { readonly requestId: string },
): Promise<void> {
  const found = report === null ? {} : { rows: report.rows, differing: report.differing, mended: report.mended }
  const details = { order: id, kind: ordered, status, ...found }
  return recordAudit(db, deps.makeId, kind, { ...by, outcome: 'success', region, details })
}

function present(row: SyncOrderRow): SyncOrder {
  const { created_at: createdAt, reported_at: reportedAt, finished_at: finishedAt } = row
  return {
    ...row,
    created_at: instantOf(createdAt),
    reported_at: reportedAt === null ? null : instantOf(reportedAt),
    finished_at: finishedAt === null ? null : instantOf(finishedAt),
  }
}
