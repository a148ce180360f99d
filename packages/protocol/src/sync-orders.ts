// What a region is asked to do with what it holds of the centre, and how it goes: `PUT /v1/regions/{code}/orders/{id}`
// from the region, `/v1/sync/orders` for sys-admins.
import { z } from 'zod'
import { regionCodeSchema } from './ids.ts'
import { nextCursorSchema, pageQuerySchema } from './paging.ts'
import { plainText } from './plain-text.ts'
import { countSchema } from './reported-count.ts'

/** compare: name what differs. repair: also mend those rows. rebuild: read everything anew, serving meanwhile. */
export const syncOrderKindSchema = z.enum(['compare', 'repair', 'rebuild'])
export type SyncOrderKind = z.infer<typeof syncOrderKindSchema>

/** Rows that a report names; it counts all of them. */
export const DRIFT_NAMED_MAX = 200

/** A row of a region that is not as the centre would have it. */
export const driftRowSchema = z.strictObject({
  kind: plainText.max(40),
  id: plainText.max(100),
  /** missing: only the centre has it. extra: only the region has it. different: both, and not the same. */
  what: z.enum(['missing', 'extra', 'different']),
  /** Null where that side has none. */
  held_revision: z.int().nullable(),
  revision: z.int().nullable(),
})
export type DriftRow = z.infer<typeof driftRowSchema>

export const syncReportSchema = z.strictObject({
  /** Rows that were compared, or read anew. */
  rows: countSchema,
  differing: countSchema,
  mended: countSchema,
  named: z.array(driftRowSchema).max(DRIFT_NAMED_MAX),
  /** Why it failed; null where it did not. */
  error: plainText.max(500).nullable(),
})
export type SyncReport = z.infer<typeof syncReportSchema>

/** Body of the region's progress. `total` is null while it is not known. */
export const syncProgressSchema = z.strictObject({
  status: z.enum(['running', 'done', 'failed']),
  done: countSchema,
  total: countSchema.nullable(),
  report: syncReportSchema,
})
export type SyncProgress = z.infer<typeof syncProgressSchema>

export const syncOrderSchema = z.strictObject({
  id: z.uuidv7(),
  region: regionCodeSchema,
  kind: syncOrderKindSchema,
  status: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  done: countSchema,
  total: countSchema.nullable(),
  report: syncReportSchema.nullable(),
  created_at: z.iso.datetime(),
  reported_at: z.iso.datetime().nullable(),
  finished_at: z.iso.datetime().nullable(),
})
export type SyncOrder = z.infer<typeof syncOrderSchema>

export const syncOrderCreateSchema = z.strictObject({
  kind: syncOrderKindSchema,
  /** Null: every active region. */
  regions: z.array(regionCodeSchema).min(1).max(100).nullable(),
  /**
   * Cancels what a region is at now; without it that region is refused as `conflict`. And takes away what the centre lists
   * no more, however much of what the region holds that is; without it such an order fails, and says so.
   */
  force: z.boolean().default(false),
  /** Says what would be ordered, and orders nothing. */
  dry_run: z.boolean().default(false),
})
export type SyncOrderCreate = z.infer<typeof syncOrderCreateSchema>

/** What became of it, region by region: one that is refused does not keep the others from being ordered. */
export const syncOrderedSchema = z.strictObject({
  dry_run: z.boolean(),
  regions: z.array(
    z.strictObject({
      region: regionCodeSchema,
      /** `would_order`: of a dry run. `conflict`: the region is at another order, `open_order`. */
      outcome: z.enum(['ordered', 'would_order', 'conflict']),
      /** What the region was at: cancelled where this was ordered by force. */
      open_order: z.uuidv7().nullable(),
      order: syncOrderSchema.nullable(),
    }),
  ),
})
export type SyncOrdered = z.infer<typeof syncOrderedSchema>

/** Newest first. */
export const syncOrderQuerySchema = pageQuerySchema.extend({ region: regionCodeSchema.optional() })
export type SyncOrderQuery = z.infer<typeof syncOrderQuerySchema>

export const syncOrderListSchema = z.strictObject({ orders: z.array(syncOrderSchema), next_cursor: nextCursorSchema })
export type SyncOrderList = z.infer<typeof syncOrderListSchema>
