// What the services of a region said of themselves last, and what they counted of their organizations.
import type { Statement } from '@meridian/database/database'
import type { RegionReport } from '@meridian/protocol/region-report'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

/** What is kept of a report as it came; the rest has tables of its own. */
export type KeptReport = Omit<RegionReport, 'tenants' | 'usage'>

const driftAt = (row: string) => `(${row}.report->'drift'->>'at')::timestamptz`

// A clock may be off by more than an integer holds. Of drift the latest word stands, which another process may have said, or
// one that has ended since; what is yet to come is none.
const SAVE: Statement = {
  name: 'save_region_report',
  text: `WITH t AS (SELECT meridian_now() AS now),
      k AS (SELECT greatest(-2147483647, least(2147483647,
        round(($4::float8 - extract(epoch FROM t.now)) * 1000)))::integer AS skew FROM t)
    INSERT INTO region_report AS known (region, client_id, reported_at, clock_skew_ms, report)
    SELECT $1::text, $2::text, t.now, k.skew, $3::text::jsonb FROM t, k
    ON CONFLICT (region, client_id) DO UPDATE SET reported_at = excluded.reported_at,
      clock_skew_ms = excluded.clock_skew_ms, report = CASE
        WHEN ${driftAt('known')} > coalesce(${driftAt('excluded')}, '-infinity') AND ${driftAt('known')} <= excluded.reported_at
        THEN excluded.report || jsonb_build_object('drift', known.report->'drift') ELSE excluded.report END
    RETURNING extract(epoch FROM reported_at)::float8 AS now, clock_skew_ms`,
}

const savedSchema = z.object({ now: z.number(), clock_skew_ms: z.int() })

/** Seconds of the database's clock, and how far the region's own is from it. */
export async function saveRegionReport(
  db: IdentityDb,
  by: { readonly region: string; readonly clientId: string },
  report: KeptReport,
): Promise<z.infer<typeof savedSchema>> {
  const [row] = await db.sql(SAVE, [by.region, by.clientId, JSON.stringify(report), Date.parse(report.now) / 1000])
  return savedSchema.parse(row)
}

// An organization that is not (any more) in the region is passed over. By id, so that two who report take turns.
const SAVE_TENANTS: Statement = {
  name: 'save_tenant_reports',
  text: `INSERT INTO tenant_report (region, org_id, members, records, reported_at)
    SELECT x.region, x.org_id, max(least(c.members, 2147483647))::integer, max(c.records), meridian_now()
    FROM jsonb_to_recordset($2::text::jsonb) AS c (org_id uuid, members bigint, records bigint)
      JOIN organization_region x ON x.org_id = c.org_id AND x.region = $1::text
    GROUP BY x.region, x.org_id ORDER BY x.org_id
    ON CONFLICT (org_id, region) DO UPDATE SET members = excluded.members, records = excluded.records,
      reported_at = excluded.reported_at`,
}

export async function saveTenantCounts(
  db: IdentityDb,
  region: string,
  tenants: RegionReport['tenants'],
): Promise<void> {
  if (tenants.length > 0) await db.sql(SAVE_TENANTS, [region, JSON.stringify(tenants)])
}
