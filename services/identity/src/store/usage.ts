// How many requests organizations made in a region, by UTC day, as the region counted them.
import type { Statement } from '@meridian/database/database'
import { regionCodeSchema } from '@meridian/protocol/ids'
import type { RegionReport } from '@meridian/protocol/region-report'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// A service adds to a day while it lasts, and tells the sum each time. While the day lasts, and on the next, what it says
// replaces what it said, so that a number that was wrong can be put right; later, what is told takes nothing away. A day
// that is long past or yet to come is of a clock that is off.
const IS_RECENT = "excluded.day >= (meridian_now() AT TIME ZONE 'UTC')::date - 1"
const SAVE: Statement = {
  name: 'save_usage',
  text: `INSERT INTO usage_daily (region, org_id, day, client_id, requests, refused, reported_at)
    SELECT x.region, x.org_id, u.day::date, $4::text, max(u.requests), max(u.refused), meridian_now()
    FROM jsonb_to_recordset($2::text::jsonb) AS u (org_id uuid, day text, requests bigint, refused bigint)
      JOIN organization_region x ON x.org_id = u.org_id AND x.region = $1::text
      CROSS JOIN (SELECT (meridian_now() AT TIME ZONE 'UTC')::date AS today) t
    WHERE u.day BETWEEN (t.today - $3::integer)::text AND (t.today + 1)::text
    GROUP BY x.region, x.org_id, u.day ORDER BY x.org_id, u.day
    ON CONFLICT (org_id, day, region, client_id) DO UPDATE SET reported_at = excluded.reported_at,
      requests = CASE WHEN ${IS_RECENT} THEN excluded.requests ELSE greatest(usage_daily.requests, excluded.requests) END,
      refused = CASE WHEN ${IS_RECENT} THEN excluded.refused ELSE greatest(usage_daily.refused, excluded.refused) END`,
}

export async function saveUsage(
  db: IdentityDb,
  by: { readonly region: string; readonly clientId: string },
  usage: RegionReport['usage'],
  maxAgeDays: number,
): Promise<void> {
  if (usage.length > 0) await db.sql(SAVE, [by.region, JSON.stringify(usage), maxAgeDays, by.clientId])
}

/** Of all services of the region; exact, whatever is stored. */
const summed = (column: string) => `least(sum(${column}), ${Number.MAX_SAFE_INTEGER})::float8 AS ${column}`

const LIST: Statement = {
  name: 'list_usage',
  text: `SELECT day::text, region, ${summed('requests')}, ${summed('refused')} FROM usage_daily
    WHERE org_id = $1::uuid AND day BETWEEN $2::text::date AND $3::text::date GROUP BY day, region ORDER BY day, region`,
}

const usageRowSchema = z.object({
  day: z.string(),
  region: regionCodeSchema,
  requests: z.number(),
  refused: z.number(),
})
export type UsageRow = z.infer<typeof usageRowSchema>

/** From and to that day, both included. */
export async function listUsage(
  db: IdentityDb,
  orgId: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<readonly UsageRow[]> {
  return (await db.sql(LIST, [orgId, from, to])).map((row) => usageRowSchema.parse(row))
}

const FORGET: Statement = {
  name: 'forget_usage',
  text: `DELETE FROM usage_daily WHERE day < (meridian_now() AT TIME ZONE 'UTC')::date - $1::integer`,
}

export async function forgetUsage(db: IdentityDb, keptDays: number): Promise<void> {
  await db.sql(FORGET, [keptDays])
}
