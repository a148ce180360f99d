// What regions are asked to do with their copy, one at a time each, and what they have said of it. An order that is
// finished (done, failed or cancelled) stays as it is.
import type { Statement } from '@meridian/database/database'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { COUNT_MAX } from '@meridian/protocol/reported-count'
import { type SyncOrderKind, type SyncProgress, syncOrderSchema } from '@meridian/protocol/sync-orders'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const { shape } = syncOrderSchema
const openSchema = z
  .object({ id: shape.id, kind: shape.kind, is_forced: z.boolean() })
  .transform(({ id, kind, is_forced: isForced }) => ({ id, kind, ...(isForced ? { force: true as const } : {}) }))
export type OpenOrder = z.infer<typeof openSchema>

const LIST_OPEN: Statement = {
  name: 'list_open_sync_orders',
  text: `SELECT id::text, kind, is_forced FROM sync_order WHERE region = $1::text AND finished_at IS NULL`,
}

/** What a region is to do now: one order, or none. */
export async function listOpenOrders(db: IdentityDb, region: string): Promise<readonly OpenOrder[]> {
  return (await db.sql(LIST_OPEN, [region])).map((row) => openSchema.parse(row))
}

const COLUMNS = `id::text, region, kind, status, least(done, ${COUNT_MAX})::float8 AS done,
    CASE WHEN total IS NOT NULL THEN least(total, ${COUNT_MAX}) END::float8 AS total, report,
    extract(epoch FROM created_at)::float8 AS created_at, extract(epoch FROM reported_at)::float8 AS reported_at,
    extract(epoch FROM finished_at)::float8 AS finished_at`

const orderRowSchema = z.object({
  ...shape,
  /** Null also where it was written in another form. */
  report: shape.report.catch(null),
  /** Seconds since the epoch, as the others. */
  created_at: z.number(),
  reported_at: z.number().nullable(),
  finished_at: z.number().nullable(),
})
export type SyncOrderRow = z.infer<typeof orderRowSchema>

// Whoever orders at the same time has one of them passed over, by sync_order_one_open.
const INSERT: Statement = {
  name: 'insert_sync_order',
  text: `INSERT INTO sync_order (id, region, kind, requested_by, is_forced)
    VALUES ($1::uuid, $2::text, $3::text, $4::uuid, $5::boolean)
    ON CONFLICT (region) WHERE finished_at IS NULL DO NOTHING RETURNING ${COLUMNS}`,
}

export type NewOrder = {
  readonly id: string
  readonly region: string
  readonly kind: SyncOrderKind
  /** Null: an operator's command. */
  readonly requestedBy: string | null
  readonly isForced: boolean
}

/** Undefined where the region has an order that is not finished. */
export async function insertSyncOrder(db: IdentityDb, order: NewOrder): Promise<SyncOrderRow | undefined> {
  const [row] = await db.sql(INSERT, [order.id, order.region, order.kind, order.requestedBy, order.isForced])
  return row === undefined ? undefined : orderRowSchema.parse(row)
}

const PROGRESS: Statement = {
  name: 'note_sync_progress',
  text: `UPDATE sync_order SET status = $3::text, done = $4::bigint, total = $5::bigint, report = $6::text::jsonb,
      reported_at = meridian_now(), finished_at = CASE WHEN $3::text = 'running' THEN NULL ELSE meridian_now() END
    WHERE id = $1::uuid AND region = $2::text AND finished_at IS NULL RETURNING ${COLUMNS}`,
}

/** How it goes, while it is not finished. Undefined where there is no such open order of this region. */
export async function noteSyncProgress(
  db: IdentityDb,
  region: string,
  id: string,
  { status, done, total, report }: SyncProgress,
): Promise<SyncOrderRow | undefined> {
  const [row] = await db.sql(PROGRESS, [id, region, status, done, total, JSON.stringify(report)])
  return row === undefined ? undefined : orderRowSchema.parse(row)
}

const CANCEL: Statement = {
  name: 'cancel_sync_order',
  text: `UPDATE sync_order SET status = 'cancelled', finished_at = meridian_now()
    WHERE region = $1::text AND finished_at IS NULL RETURNING ${COLUMNS}`,
}

/** What the region was at; undefined for nothing. */
export async function cancelOpenOrder(db: IdentityDb, region: string): Promise<SyncOrderRow | undefined> {
  const [row] = await db.sql(CANCEL, [region])
  return row === undefined ? undefined : orderRowSchema.parse(row)
}

const CANCEL_OVERDUE: Statement = {
  name: 'cancel_overdue_sync_orders',
  text: `UPDATE sync_order SET status = 'cancelled', finished_at = meridian_now()
    WHERE finished_at IS NULL AND created_at <= meridian_now() - make_interval(secs => $1::integer)
    RETURNING ${COLUMNS}`,
}

export async function cancelOverdueOrders(db: IdentityDb, maxAgeSeconds: number): Promise<readonly SyncOrderRow[]> {
  return (await db.sql(CANCEL_OVERDUE, [maxAgeSeconds])).map((row) => orderRowSchema.parse(row))
}

const FIND: Statement = {
  name: 'find_sync_order',
  text: `SELECT ${COLUMNS} FROM sync_order WHERE id = $1::uuid`,
}

export async function findSyncOrder(db: IdentityDb, id: string): Promise<SyncOrderRow | undefined> {
  const [row] = await db.sql(FIND, [id])
  return row === undefined ? undefined : orderRowSchema.parse(row)
}

const LIST: Statement = {
  name: 'list_sync_orders',
  text: `SELECT ${COLUMNS} FROM sync_order
    WHERE ($1::uuid IS NULL OR id < $1::uuid) AND ($2::text IS NULL OR region = $2::text)
    ORDER BY id DESC LIMIT $3::integer`,
}

/** Newest first. */
export async function listSyncOrders(
  db: IdentityDb,
  page: { readonly before: string | undefined; readonly region: string | undefined; readonly limit: number },
): Promise<readonly SyncOrderRow[]> {
  const rows = await db.sql(LIST, [page.before ?? null, page.region ?? null, page.limit])
  return rows.map((row) => orderRowSchema.parse(row))
}

const ORDERABLE: Statement = {
  name: 'list_orderable_regions',
  text: `SELECT r.code, s.id::text AS open_order FROM region r
      LEFT JOIN sync_order s ON s.region = r.code AND s.finished_at IS NULL
    WHERE r.status = 'active' AND ($1::text[] IS NULL OR r.code = ANY ($1::text[])) ORDER BY r.code`,
}

const orderableSchema = z.object({ code: regionCodeSchema, open_order: shape.id.nullable() })
export type OrderableRegion = z.infer<typeof orderableSchema>

/** The active ones of these regions, or all of them, and what each is at. */
export async function listOrderableRegions(
  db: IdentityDb,
  codes: readonly string[] | null,
): Promise<readonly OrderableRegion[]> {
  return (await db.sql(ORDERABLE, [codes])).map((row) => orderableSchema.parse(row))
}
