// How regions are, by what the centre itself knows of them: when they were last here, and what they have not fetched. A region
// is what the client is that speaks for it: services of other teams are listed, and decide nothing.
import type { Statement } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import { regionCodeSchema } from '@meridian/protocol/ids'
import {
  LAGGING_AFTER_SECONDS,
  type RegionHealth,
  regionHealthSchema,
  regionReportSchema,
  UNREACHABLE_AFTER_SECONDS,
} from '@meridian/protocol/region-report'
import { z } from 'zod'
import type { IdentityDatabase, IdentityDb } from './open-store.ts'
import { voicesOf } from './region-voice.ts'

/** A service that has not been here for so long is none that a region waits for. */
const FOLLOWER_FORGOTTEN_AFTER = "interval '1 day'"

/** The first entry that the follower `f` has not fetched, as `a`: the next in the order in which they are told. */
const FIRST_AHEAD = `LATERAL (SELECT extract(epoch FROM meridian_now() - c.created_at)::float8 AS behind_seconds
    FROM change c WHERE c.region = f.region
      AND (c.xid, c.seq) > (coalesce(f.asked_xid, '0'::xid8), coalesce(f.asked_seq, 0))
    ORDER BY c.xid, c.seq LIMIT 1) a`

const VOICES = voicesOf('r.code')

/** Of region `r`: when it was here last. */
const HEARD_AT = `greatest(r.last_seen,
    (SELECT max(f.polled_at) FROM feed_follower f WHERE f.region = r.code AND f.client_id IN ${VOICES}),
    (SELECT max(p.reported_at) FROM region_report p WHERE p.region = r.code AND p.client_id IN ${VOICES}))`

// What nobody follows is behind by all that there is.
const FOLLOWS = `f.region = r.code AND f.client_id IN ${VOICES}
      AND f.polled_at > meridian_now() - ${FOLLOWER_FORGOTTEN_AFTER}`
const FOLLOWERS_OF = `(SELECT f.region, f.asked_xid, f.asked_seq FROM feed_follower f WHERE ${FOLLOWS}
    UNION ALL SELECT r.code, NULL, NULL WHERE NOT EXISTS (SELECT FROM feed_follower f WHERE ${FOLLOWS}))`

const SAYS_SO = ['behind_seconds', 'feed_stale_seconds', 'revocations_stale_seconds']
  .map((name) => `(p.report->>'${name}')::float8 > ${LAGGING_AFTER_SECONDS}`)
  .join(' OR ')

/**
 * How region `r` is. A few looks at indexes: cheap enough wherever regions are listed.
 * `coalesce` for a region that was never here.
 */
const HEALTH_OF = `CASE
    WHEN coalesce(${HEARD_AT} <= meridian_now() - interval '${UNREACHABLE_AFTER_SECONDS} seconds', true) THEN 'unreachable'
    WHEN EXISTS (SELECT FROM ${FOLLOWERS_OF} f CROSS JOIN ${FIRST_AHEAD}
      WHERE a.behind_seconds > ${LAGGING_AFTER_SECONDS}) THEN 'lagging'
    WHEN EXISTS (SELECT FROM region_report p WHERE p.region = r.code AND p.client_id IN ${VOICES}
      AND p.reported_at > meridian_now() - interval '${UNREACHABLE_AFTER_SECONDS} seconds'
      AND (${SAYS_SO})) THEN 'lagging'
    ELSE 'healthy' END`

/** For the WITH clause of a statement: each active region once, with its health; only those that `codes` selects. */
export function regionHealth(codes = 'SELECT code FROM region'): string {
  return `region_health AS MATERIALIZED (
    SELECT r.code, ${HEALTH_OF} AS health FROM region r WHERE r.status = 'active' AND r.code IN (${codes}))`
}

const ONE: Statement = {
  name: 'find_region_health',
  text: `SELECT ${HEALTH_OF} AS health FROM region r WHERE r.code = $1::text AND r.status = 'active'`,
}
const healthSchema = z.object({ health: regionHealthSchema })

/** Undefined where there is no such region, or it was withdrawn. */
export async function findRegionHealth(db: IdentityDb, code: string): Promise<RegionHealth | undefined> {
  const [row] = await db.sql(ONE, [code])
  return row === undefined ? undefined : healthSchema.parse(row).health
}

/** Entries that are counted for a follower at most: beyond, it is known that there are many. */
const COUNTED_MAX = 100_000

const seconds = (instant: string) => `extract(epoch FROM ${instant})::float8`

const FOLLOWERS: Statement = {
  name: 'list_feed_followers',
  text: `SELECT coalesce(f.region, p.region) AS region, coalesce(f.client_id, p.client_id) AS client_id,
      ${seconds('f.polled_at')} AS polled_at, ${seconds('p.reported_at')} AS reported_at, p.clock_skew_ms, p.report,
      (SELECT count(*)::integer FROM (SELECT FROM change c WHERE c.region = coalesce(f.region, p.region)
        AND (c.xid, c.seq) > (coalesce(f.asked_xid, '0'::xid8), coalesce(f.asked_seq, 0))
        LIMIT ${COUNTED_MAX}) ahead) AS behind_entries,
      coalesce(greatest(a.behind_seconds, 0), 0)::float8 AS behind_seconds,
      coalesce(f.client_id, p.client_id) IN ${voicesOf('coalesce(f.region, p.region)')} AS is_voice
    FROM feed_follower f FULL JOIN region_report p ON p.region = f.region AND p.client_id = f.client_id
      LEFT JOIN LATERAL (SELECT * FROM (SELECT coalesce(f.region, p.region) AS region, f.asked_xid, f.asked_seq) f
        CROSS JOIN ${FIRST_AHEAD}) a ON true
    WHERE greatest(f.polled_at, p.reported_at) > meridian_now() - ${FOLLOWER_FORGOTTEN_AFTER}
    ORDER BY 1, 2`,
}

const followerSchema = z.object({
  region: regionCodeSchema,
  client_id: z.string(),
  /** Seconds since the epoch, as the other. */
  polled_at: z.number().nullable(),
  reported_at: z.number().nullable(),
  clock_skew_ms: z.int().nullable(),
  /** Null also where an older build wrote it in another form. */
  report: regionReportSchema.omit({ tenants: true, usage: true }).nullable().catch(null),
  behind_entries: z.int(),
  behind_seconds: z.number(),
  /** Whether it speaks for its region. */
  is_voice: z.boolean(),
})
export type FollowerRow = z.infer<typeof followerSchema>

/** Whoever follows the feed or reports, of all regions, while they are remembered. */
export async function listFollowers(db: IdentityDb): Promise<readonly FollowerRow[]> {
  return (await db.sql(FOLLOWERS, [])).map((row) => followerSchema.parse(row))
}

/** Published for so long, a key is in every cache that follows what the key set says of its age. */
const KEY_PUBLISHED_FOR = "interval '10 minutes'"

/** A comparison that found something is told of for so long, though what differed was mended. */
const DRIFT_TOLD_FOR = "interval '1 hour'"

const FOUND_BY_ITSELF = `(SELECT max(least(2147483647, (p.report->'drift'->>'differing')::float8))::integer FROM region_report p
    WHERE p.region = r.code AND p.client_id IN ${VOICES}
      AND (p.report->'drift'->>'at')::timestamptz > meridian_now() - ${DRIFT_TOLD_FOR})`

const REGIONS: Statement = {
  name: 'list_regions_with_health',
  text: `WITH ${regionHealth()}
    SELECT r.code, r.name, h.health, ${seconds(HEARD_AT)} AS heard_at,
      (SELECT ${seconds('c.known_at - c.written_at')} FROM revocation_canary c WHERE c.region = r.code) AS revocation_seconds,
      (SELECT ${seconds('meridian_now() - c.written_at')} FROM revocation_canary c
        WHERE c.region = r.code AND c.known_at IS NULL) AS canary_unknown_seconds,
      (SELECT count(*)::integer FROM signing_key k WHERE k.status IN ('staged', 'active')
        AND k.created_at <= meridian_now() - ${KEY_PUBLISHED_FOR}
        AND NOT EXISTS (SELECT FROM region_key_report g WHERE g.region = r.code AND g.kid = k.kid)) AS keys_missing,
      (SELECT greatest(0, least(2147483647, (s.report->>'differing')::float8 - (s.report->>'mended')::float8))::integer
        FROM sync_order s WHERE s.region = r.code AND s.status = 'done' ORDER BY s.id DESC LIMIT 1) AS drift_rows,
      ${FOUND_BY_ITSELF} AS drift_found_rows,
      (SELECT ${seconds('c.created_at')} FROM change c WHERE c.region = r.code ORDER BY c.xid DESC, c.seq DESC LIMIT 1) AS last_change_at
    FROM region r JOIN region_health h ON h.code = r.code ORDER BY r.code`,
}

const regionRowSchema = z.object({
  code: regionCodeSchema,
  name: z.string(),
  health: regionHealthSchema,
  /** Seconds since the epoch. */
  heard_at: z.number().nullable(),
  revocation_seconds: z.number().nullable(),
  /** Since a canary was written that is not known there yet. */
  canary_unknown_seconds: z.number().nullable(),
  keys_missing: z.int(),
  /** What the last order that was carried out left as it should not be. */
  drift_rows: z.int().nullable(),
  /** What it found to differ within the last hour when it compared by itself, mended since or not. */
  drift_found_rows: z.int().nullable(),
  /** Seconds since the epoch, of what is to be told last. */
  last_change_at: z.number().nullable(),
})
export type RegionRow = z.infer<typeof regionRowSchema>

/** The active regions. */
export async function listRegionsWithHealth(db: IdentityDb): Promise<readonly RegionRow[]> {
  return (await db.sql(REGIONS, [])).map((row) => regionRowSchema.parse(row))
}

// Once through each table for all regions. What a region has erased already it should not hold, though others have not yet.
const VISIBLE: Statement = {
  name: 'count_visible',
  text: `SELECT r.code, coalesce(o.n, 0)::integer AS organizations, coalesce(m.users, 0)::integer AS users,
      coalesce(m.memberships, 0)::integer AS memberships
    FROM region r
      LEFT JOIN (SELECT x.region, count(*) AS n FROM organization_region x JOIN organization o ON o.id = x.org_id
        WHERE o.purged_at IS NULL AND NOT (o.status = 'deleted' AND EXISTS (SELECT FROM erasure_order e
          WHERE e.kind = 'organization' AND e.subject_id = o.id AND e.region = x.region AND e.acknowledged_at IS NOT NULL))
        GROUP BY x.region) o ON o.region = r.code
      LEFT JOIN (SELECT region, count(*) AS memberships, count(DISTINCT user_id) AS users FROM membership
        WHERE status <> 'removed' GROUP BY region) m ON m.region = r.code
    WHERE r.status = 'active'`,
}

const visibleSchema = z.object({
  code: regionCodeSchema,
  organizations: z.int(),
  users: z.int(),
  memberships: z.int(),
})
export type VisibleRow = z.infer<typeof visibleSchema>

// Some two seconds for two million memberships; less than a request may take.
const LIMIT_TIME: Statement = {
  name: 'limit_time_to_count_visible',
  text: "SELECT set_config('statement_timeout', '4s', true)",
}

/** What each active region should hold. */
export async function countVisible(db: IdentityDatabase): Promise<readonly VisibleRow[]> {
  const rows = await withTransaction(db, async ({ sql }) => {
    await sql(LIMIT_TIME, [])
    return sql(VISIBLE, [])
  })
  return rows.map((row) => visibleSchema.parse(row))
}
