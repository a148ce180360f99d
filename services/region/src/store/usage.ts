// What organizations used, a row a day: each process adds what it counted.
import type { Statement } from '@meridian/database/database'
import { type TenantUsage, tenantUsageSchema } from '@meridian/protocol/region-report'
import type { RegionDatabase } from './open-store.ts'

// In one order, so that processes that add at once do not wait for each other in a circle.
const ADD: Statement = {
  name: 'add_usage',
  text: `INSERT INTO usage_daily AS known (org_id, day, requests, refused)
    SELECT u.org_id, u.day, u.requests, u.refused
    FROM jsonb_to_recordset($1::text::jsonb) AS u (org_id uuid, day date, requests bigint, refused bigint)
    WHERE NOT EXISTS (SELECT FROM erased_subject e WHERE e.kind = 'organization' AND e.subject_id = u.org_id)
    ORDER BY u.org_id, u.day
    ON CONFLICT (org_id, day) DO UPDATE
      SET requests = known.requests + excluded.requests, refused = known.refused + excluded.refused`,
}

const LIST_UNTOLD: Statement = {
  name: 'list_untold_usage',
  text: `SELECT org_id::text, day::text, requests::float8, refused::float8 FROM usage_daily
    WHERE requests > told_requests OR refused > told_refused OR $2::text::bigint > coalesce(told_epoch, 0)
    ORDER BY day, org_id LIMIT $1::integer`,
}

const NOTE_TOLD: Statement = {
  name: 'note_told_usage',
  text: `UPDATE usage_daily d
    SET told_requests = greatest(d.told_requests, u.requests), told_refused = greatest(d.told_refused, u.refused),
      told_epoch = greatest(d.told_epoch, $2::text::bigint)
    FROM jsonb_to_recordset($1::text::jsonb) AS u (org_id uuid, day date, requests bigint, refused bigint)
    WHERE d.org_id = u.org_id AND d.day = u.day`,
}

const KEPT_DAYS = 62
const FORGET: Statement = {
  name: 'forget_old_usage',
  text: `DELETE FROM usage_daily WHERE day < $1::date - ${KEPT_DAYS}`,
}

export async function addUsage(database: RegionDatabase, counted: readonly TenantUsage[]): Promise<void> {
  if (counted.length > 0) await database.sql(ADD, [JSON.stringify(counted)])
}

/** Totals of days of which the centre knows less; all that are kept, some at a time, where its epoch is another than theirs. */
export async function listUntoldUsage(
  database: RegionDatabase,
  epoch: string | null,
  limit: number,
): Promise<readonly TenantUsage[]> {
  return (await database.sql(LIST_UNTOLD, [limit, epoch])).map((row) => tenantUsageSchema.parse(row))
}

export async function noteToldUsage(
  database: RegionDatabase,
  epoch: string | null,
  told: readonly TenantUsage[],
): Promise<void> {
  if (told.length > 0) await database.sql(NOTE_TOLD, [JSON.stringify(told), epoch])
}

export async function forgetOldUsage(database: RegionDatabase, today: string): Promise<void> {
  await database.sql(FORGET, [today])
}
