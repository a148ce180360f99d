// How many people and records organizations have here, as the centre is told.
import type { Statement } from '@meridian/database/database'
import { type OrgId, orgIdSchema } from '@meridian/protocol/ids'
import { type TenantCounts, tenantCountsSchema } from '@meridian/protocol/region-report'
import { z } from 'zod'
import type { RegionDatabase } from './open-store.ts'
import { withTenant } from './tenant-transaction.ts'

const COUNT: Statement = {
  name: 'count_of_tenant',
  text: `SELECT $1::text AS org_id, (SELECT count(*)::integer FROM membership WHERE org_id = $1::text::uuid) AS members,
    (SELECT count(*)::float8 FROM record WHERE org_id = $1::text::uuid) AS records`,
}

const LIMIT_TIME: Statement = {
  name: 'limit_time_to_count',
  text: "SELECT set_config('statement_timeout', $1::text, true)",
}

/** As that organization: of records nobody else sees any. Rejects where it takes longer. */
export function countTenant(database: RegionDatabase, orgId: OrgId, timeoutMs: number): Promise<TenantCounts> {
  return withTenant(database, orgId, async (db) => {
    await db.sql(LIMIT_TIME, [String(timeoutMs)])
    return tenantCountsSchema.parse((await db.sql(COUNT, [orgId]))[0])
  })
}

const LIST_AFTER: Statement = {
  name: 'list_organizations_after',
  text: `SELECT id::text FROM organization WHERE $1::text IS NULL OR id > $1::text::uuid ORDER BY id LIMIT $2::integer`,
}
const idSchema = z.object({ id: orgIdSchema })

export async function listOrganizationsAfter(
  database: RegionDatabase,
  after: OrgId | null,
  limit: number,
): Promise<readonly OrgId[]> {
  return (await database.sql(LIST_AFTER, [after, limit])).map((row) => idSchema.parse(row).id)
}

const LEAVE_CHANGED: Statement = {
  name: 'leave_changed_tenant_counts',
  text: `SELECT n.org_id::text, n.members, n.records::float8
    FROM jsonb_to_recordset($1::text::jsonb) AS n (org_id uuid, members integer, records bigint)
    LEFT JOIN tenant_count t ON t.org_id = n.org_id
    WHERE (n.members, n.records) IS DISTINCT FROM (t.members, t.records)
      AND EXISTS (SELECT FROM organization o WHERE o.id = n.org_id)`,
}

/** Those of which the centre was told something else, or nothing yet. */
export async function leaveChanged(
  database: RegionDatabase,
  counts: readonly TenantCounts[],
): Promise<readonly TenantCounts[]> {
  if (counts.length === 0) return []
  const rows = await database.sql(LEAVE_CHANGED, [JSON.stringify(counts)])
  return rows.map((row) => tenantCountsSchema.parse(row))
}

const LIST_TOLD_BEFORE: Statement = {
  name: 'list_tenant_counts_told_before',
  text: `SELECT t.org_id::text, t.members, t.records::float8 FROM tenant_count t JOIN organization o ON o.id = t.org_id
    WHERE $2::text::bigint > coalesce(t.told_epoch, 0) ORDER BY t.org_id LIMIT $1::integer`,
}

/** What the centre was told under an earlier epoch alone. */
export async function listCountsToldBefore(
  database: RegionDatabase,
  epoch: string | null,
  limit: number,
): Promise<readonly TenantCounts[]> {
  return (await database.sql(LIST_TOLD_BEFORE, [limit, epoch])).map((row) => tenantCountsSchema.parse(row))
}

const NOTE_TOLD: Statement = {
  name: 'note_told_tenant_counts',
  text: `INSERT INTO tenant_count AS t (org_id, members, records, told_epoch)
    SELECT n.org_id, n.members, n.records, $2::text::bigint
    FROM jsonb_to_recordset($1::text::jsonb) AS n (org_id uuid, members integer, records bigint)
    WHERE EXISTS (SELECT FROM organization o WHERE o.id = n.org_id) ORDER BY n.org_id
    ON CONFLICT (org_id) DO UPDATE SET members = excluded.members, records = excluded.records,
      told_epoch = greatest(t.told_epoch, excluded.told_epoch)`,
}

export async function noteToldCounts(
  database: RegionDatabase,
  epoch: string | null,
  told: readonly TenantCounts[],
): Promise<void> {
  if (told.length > 0) await database.sql(NOTE_TOLD, [JSON.stringify(told), epoch])
}

const COUNT_HELD: Statement = {
  name: 'count_held_directory',
  text: `SELECT (SELECT count(*)::integer FROM organization) AS organizations,
    (SELECT count(*)::integer FROM user_account) AS users, (SELECT count(*)::integer FROM membership) AS memberships`,
}
const heldSchema = z.object({ organizations: z.int(), users: z.int(), memberships: z.int() })

export async function countHeld(database: RegionDatabase): Promise<z.infer<typeof heldSchema>> {
  return heldSchema.parse((await database.sql(COUNT_HELD, []))[0])
}
