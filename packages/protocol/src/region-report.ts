// What a region's service says of itself every few seconds (`PUT /v1/regions/{code}/report`), and how sys-admins see the
// regions (`GET /v1/sync/regions`).
import { z } from 'zod'
import { epochSchema, feedCursorSchema } from './feed.ts'
import { orgIdSchema, regionCodeSchema } from './ids.ts'
import { plainText } from './plain-text.ts'
import { countSchema as count } from './reported-count.ts'

/** Reports are this far apart, in seconds; after three that did not come a region counts as unreachable. */
export const REPORT_EVERY_SECONDS = 15
export const UNREACHABLE_AFTER_SECONDS = 60
/** A region that is further behind counts as lagging. */
export const LAGGING_AFTER_SECONDS = 60
export const CLOCK_SKEW_ALARM_MS = 60_000
const ROWS_MAX = 500
export const ERASED_LISTED_MAX = 50

const REQUESTS_A_DAY_MAX = 10_000_000_000
const SECONDS_MAX = 10_000_000_000

const requests = z.int().nonnegative().max(REQUESTS_A_DAY_MAX)
const seconds = z.number().nonnegative().max(SECONDS_MAX)
const dateSchema = z.iso.date()

export const tenantCountsSchema = z.strictObject({ org_id: orgIdSchema, members: count, records: count })
/** Of one UTC day so far; what comes later replaces it. */
export const tenantUsageSchema = z.strictObject({
  org_id: orgIdSchema,
  day: dateSchema,
  requests,
  refused: requests,
})

export type TenantCounts = z.infer<typeof tenantCountsSchema>
export type TenantUsage = z.infer<typeof tenantUsageSchema>

export const regionReportSchema = z.strictObject({
  build: plainText.max(100),
  /** The region's clock when it sent this. */
  now: z.iso.datetime(),
  epoch: epochSchema.nullable(),
  cursor: feedCursorSchema.nullable(),
  /** As the last page said; null before the first. */
  behind_seconds: seconds.nullable(),
  /** Since the feed, and the revocation lane, were last known to their end; null: never since the start. */
  feed_stale_seconds: seconds.nullable(),
  revocations_stale_seconds: seconds.nullable(),
  kids: z.array(z.string().min(1).max(128)).max(100),
  held: z.strictObject({ organizations: count, users: count, memberships: count }),
  /** Entries that are put aside since they are not understood. */
  parked: count,
  /** People and organizations that it has erased, and the centre lists; as found by its last comparison. */
  erased_listed: z.array(z.uuid()).max(ERASED_LISTED_MAX).optional(),
  rebuilding: z.boolean(),
  /** Its latest comparison that found rows to differ and that nobody had ordered; absent where none is known. */
  drift: z.strictObject({ at: z.iso.datetime(), differing: count, mended: count }).optional(),
  /** Those that have changed since the last report, some at a time. */
  tenants: z.array(tenantCountsSchema).max(ROWS_MAX),
  usage: z.array(tenantUsageSchema).max(ROWS_MAX),
})
export type RegionReport = z.infer<typeof regionReportSchema>

export const reportAnswerSchema = z.strictObject({
  now: z.iso.datetime(),
  /** The region's clock less the centre's, as far as the way allows to tell. */
  clock_skew_ms: z.int(),
})

export type ReportAnswer = z.infer<typeof reportAnswerSchema>

export const regionHealthSchema = z.enum(['healthy', 'lagging', 'unreachable'])
export type RegionHealth = z.infer<typeof regionHealthSchema>

const instant = z.iso.datetime()

export const regionSyncSchema = z.strictObject({
  region: regionCodeSchema,
  name: z.string(),
  health: regionHealthSchema,
  /** What should be looked at, in words: a clock that is off, entries put aside, keys that are not fetched. */
  alarms: z.array(z.string()),
  last_seen: instant.nullable(),
  /** Each service of the region that follows the feed. */
  followers: z.array(
    z.strictObject({
      client_id: z.string(),
      polled_at: instant.nullable(),
      reported_at: instant.nullable(),
      /** Entries, and the age of the oldest, that it has not fetched; by the centre's own count. */
      behind_entries: count,
      behind_seconds: z.number().nonnegative(),
      clock_skew_ms: z.int().nullable(),
      report: regionReportSchema.omit({ tenants: true, usage: true }).nullable(),
    }),
  ),
  /** From a revocation's commit until this region knew of it, when it was measured last; null: not measured yet. */
  revocation_seconds: z.number().nonnegative().nullable(),
  /** What the region should hold, by the centre's count. */
  visible: z.strictObject({ organizations: count, users: count, memberships: count }),
})
export type RegionSync = z.infer<typeof regionSyncSchema>

export const regionSyncListSchema = z.strictObject({ regions: z.array(regionSyncSchema) })
export type RegionSyncList = z.infer<typeof regionSyncListSchema>
