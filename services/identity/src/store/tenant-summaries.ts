// How many people organizations have, region by region: counted seldom, kept in between.
import type { Statement } from '@meridian/database/database'
import { isLockTimeout, sqlStateOf } from '@meridian/database/sql-state'
import { orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// In the order of the key, so that two who count the same wait for each other and do not deadlock.
const COUNT: Statement = {
  name: 'count_tenants',
  text: `INSERT INTO tenant_summary
      (org_id, region, managers, members, viewers, suspended, pending_invitations, counted_at)
    SELECT x.org_id, x.region, c.managers, c.members, c.viewers, c.suspended,
      (SELECT count(*) FROM invitation i JOIN invitation_role r ON r.invitation_id = i.id AND r.region = x.region
        WHERE i.org_id = x.org_id AND i.status = 'pending' AND i.expires_at > meridian_now())::integer,
      meridian_now()
    FROM organization_region x
      LEFT JOIN tenant_summary s ON s.org_id = x.org_id AND s.region = x.region
      CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE a.is_active AND m.role = 'manager')::integer AS managers,
          count(*) FILTER (WHERE a.is_active AND m.role = 'member')::integer AS members,
          count(*) FILTER (WHERE a.is_active AND m.role = 'viewer')::integer AS viewers,
          count(*) FILTER (WHERE NOT a.is_active)::integer AS suspended
        FROM membership m JOIN user_account u ON u.id = m.user_id
          CROSS JOIN LATERAL (SELECT m.status = 'active' AND u.status = 'active' AS is_active) a
        WHERE m.org_id = x.org_id AND m.region = x.region AND m.status <> 'removed') c
    WHERE x.org_id = ANY ($1::uuid[]) AND x.status = 'active'
      AND (s.counted_at IS NULL OR s.counted_at <= meridian_now() - make_interval(secs => $2::integer))
    ORDER BY x.org_id, x.region
    ON CONFLICT (org_id, region) DO UPDATE SET managers = excluded.managers, members = excluded.members,
      viewers = excluded.viewers, suspended = excluded.suspended, pending_invitations = excluded.pending_invitations,
      counted_at = excluded.counted_at`,
}

const QUERY_CANCELED = '57014'

/** Whether counting was given up because it took too long, or because somebody else was at it. */
export function isTooBusyToCount(error: unknown): boolean {
  return isLockTimeout(error) || sqlStateOf(error) === QUERY_CANCELED
}

/** Counts again what was counted longer ago than this. */
export async function countTenants(db: IdentityDb, orgIds: readonly string[], maxAgeSeconds: number): Promise<void> {
  await db.sql(COUNT, [orgIds, maxAgeSeconds])
}

const LIST: Statement = {
  name: 'list_tenant_summaries',
  text: `SELECT o.id::text, o.slug, o.name,
      coalesce((SELECT jsonb_agg(jsonb_build_object('region', s.region, 'managers', s.managers, 'members', s.members,
          'viewers', s.viewers, 'suspended', s.suspended, 'pending_invitations', s.pending_invitations,
          'counted_at', extract(epoch FROM s.counted_at)::float8,
          'stale', s.counted_at <= meridian_now() - make_interval(secs => $2::integer),
          'reported', CASE WHEN p.org_id IS NOT NULL THEN jsonb_build_object('members', p.members, 'records', p.records,
            'reported_at', extract(epoch FROM p.reported_at)::float8) END) ORDER BY s.region)
        FROM tenant_summary s JOIN organization_region x ON x.org_id = s.org_id AND x.region = s.region
          LEFT JOIN tenant_report p ON p.org_id = s.org_id AND p.region = s.region
        WHERE s.org_id = o.id AND x.status = 'active' AND ($3::text IS NULL OR s.region = $3::text)), '[]') AS regions
    FROM organization o WHERE o.id = ANY ($1::uuid[]) ORDER BY o.id`,
}

const summaryRowSchema = z.object({
  id: orgIdSchema,
  slug: z.string(),
  name: z.string(),
  regions: z.array(
    z.object({
      region: regionCodeSchema,
      managers: z.int(),
      members: z.int(),
      viewers: z.int(),
      suspended: z.int(),
      pending_invitations: z.int(),
      /** In seconds since the epoch. */
      counted_at: z.number(),
      stale: z.boolean(),
      /** As the region counted. */
      reported: z.object({ members: z.int(), records: z.int(), reported_at: z.number() }).nullable(),
    }),
  ),
})
export type TenantSummaryRow = z.infer<typeof summaryRowSchema>

/** As they were counted last, in one region or all. */
export async function listTenantSummaries(
  db: IdentityDb,
  orgIds: readonly string[],
  maxAgeSeconds: number,
  region: string | undefined,
): Promise<readonly TenantSummaryRow[]> {
  const rows = await db.sql(LIST, [orgIds, maxAgeSeconds, region ?? null])
  return rows.map((row) => summaryRowSchema.parse(row))
}

const IS_STALE = `EXISTS (SELECT FROM organization_region x
        LEFT JOIN tenant_summary s ON s.org_id = x.org_id AND s.region = x.region
      WHERE x.org_id = o.id AND x.status = 'active' AND ($1::text IS NULL OR x.region = $1::text)
        AND (s.counted_at IS NULL OR s.counted_at <= meridian_now() - make_interval(secs => $2::integer)))`

const COUNT_STALE: Statement = {
  name: 'count_stale_tenants',
  text: `SELECT count(*)::integer AS organizations, (count(*) FILTER (WHERE ${IS_STALE}))::integer AS stale
    FROM organization o WHERE o.status <> 'deleted' AND EXISTS (SELECT FROM organization_region x
      WHERE x.org_id = o.id AND x.status = 'active' AND ($1::text IS NULL OR x.region = $1::text))`,
}

type Staleness = { readonly region: string | undefined; readonly maxAgeSeconds: number }
const staleCountSchema = z.object({ organizations: z.int(), stale: z.int() })

/** How many organizations are in a region, or in any; and how many of them were counted longer ago than this. */
export async function countStaleTenants(
  db: IdentityDb,
  { region, maxAgeSeconds }: Staleness,
): Promise<z.infer<typeof staleCountSchema>> {
  const [row] = await db.sql(COUNT_STALE, [region ?? null, maxAgeSeconds])
  return staleCountSchema.parse(row)
}

const STALE_PAGE: Statement = {
  name: 'page_of_stale_tenants',
  text: `SELECT o.id::text FROM organization o
    WHERE o.status <> 'deleted' AND ($3::uuid IS NULL OR o.id > $3::uuid) AND ${IS_STALE} ORDER BY o.id LIMIT $4::integer`,
}

/** The next of those that were counted longer ago; by id. */
export async function listStaleTenantIds(
  db: IdentityDb,
  { region, maxAgeSeconds }: Staleness,
  page: { readonly after: string | undefined; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await db.sql(STALE_PAGE, [region ?? null, maxAgeSeconds, page.after ?? null, page.limit])
  return rows.map((row) => z.object({ id: orgIdSchema }).parse(row).id)
}

const DIFFERING: Statement = {
  name: 'list_differing_tenants',
  text: `SELECT o.slug AS org, s.region, s.managers + s.members + s.viewers + s.suspended AS counted, p.members AS reported
    FROM tenant_summary s JOIN tenant_report p ON p.org_id = s.org_id AND p.region = s.region
      JOIN organization o ON o.id = s.org_id
    WHERE ($1::text IS NULL OR s.region = $1::text) AND s.managers + s.members + s.viewers + s.suspended <> p.members
    ORDER BY o.slug, s.region LIMIT $2::integer`,
}

const differingSchema = z.object({ org: z.string(), region: z.string(), counted: z.int(), reported: z.int() })

/** Organizations of which a region holds another number of people than was counted here. */
export async function listDifferingTenants(
  db: IdentityDb,
  region: string | undefined,
  limit: number,
): Promise<readonly z.infer<typeof differingSchema>[]> {
  return (await db.sql(DIFFERING, [region ?? null, limit])).map((row) => differingSchema.parse(row))
}

const PAGE: Statement = {
  name: 'page_of_tenants',
  text: `SELECT o.id::text FROM organization o
    WHERE o.status <> 'deleted' AND ($1::uuid IS NULL OR o.id > $1::uuid)
      AND EXISTS (SELECT FROM organization_region x
        WHERE x.org_id = o.id AND x.status = 'active' AND ($2::text IS NULL OR x.region = $2::text))
    ORDER BY o.id LIMIT $3::integer`,
}

/** The next organizations that are in a region, or in any; by id. */
export async function listTenantIds(
  db: IdentityDb,
  page: { readonly after: string | undefined; readonly region: string | undefined; readonly limit: number },
): Promise<readonly string[]> {
  const rows = await db.sql(PAGE, [page.after ?? null, page.region ?? null, page.limit])
  return rows.map((row) => z.object({ id: orgIdSchema }).parse(row).id)
}
