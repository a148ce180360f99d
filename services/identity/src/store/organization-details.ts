// What there is to read of an organization itself; never of its people.
import type { Statement } from '@meridian/database/database'
import { type OrgId, orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { orgStatusSchema, subscriptionTierSchema } from '@meridian/protocol/orgs'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { NAMED, nameOf } from './organization-names.ts'

const COLUMNS = `o.id::text, o.slug, o.name, o.status, o.version, o.settings, o.home_region, o.primary_contact_name,
  o.primary_contact_email, o.subscription_tier, o.data_placement, o.created_at, o.deleted_at, o.delete_after, o.purged_at,
  array(SELECT x.region FROM organization_region x JOIN region r ON r.code = x.region
    WHERE x.org_id = o.id AND x.status = 'active' AND r.status = 'active' ORDER BY x.region) AS regions,
  array(SELECT x.region FROM organization_region x JOIN region r ON r.code = x.region
    WHERE x.org_id = o.id AND (x.status <> 'active' OR r.status <> 'active') ORDER BY x.region) AS withdrawn_regions,
  (SELECT jsonb_build_object('managers', sum(s.managers), 'members', sum(s.members), 'viewers', sum(s.viewers),
      'suspended', sum(s.suspended), 'pending_invitations', sum(s.pending_invitations))
    FROM tenant_summary s WHERE s.org_id = o.id HAVING count(*) > 0) AS counts`

const detailsRowSchema = z.object({
  id: orgIdSchema,
  slug: z.string(),
  name: z.string(),
  status: orgStatusSchema,
  version: z.number(),
  settings: z.record(z.string(), z.unknown()),
  home_region: regionCodeSchema.nullable(),
  primary_contact_name: z.string(),
  primary_contact_email: z.string(),
  subscription_tier: subscriptionTierSchema,
  data_placement: z.string().nullable(),
  created_at: z.date(),
  deleted_at: z.date().nullable(),
  delete_after: z.date().nullable(),
  purged_at: z.date().nullable(),
  /** Where it is, and where it was. */
  regions: z.array(regionCodeSchema),
  withdrawn_regions: z.array(regionCodeSchema),
  counts: z
    .object({
      managers: z.int(),
      members: z.int(),
      viewers: z.int(),
      suspended: z.int(),
      pending_invitations: z.int(),
    })
    .nullable(),
})
export type OrganizationRow = z.infer<typeof detailsRowSchema>

const FIND_ORGANIZATION: Statement = {
  name: 'find_organization',
  text: `SELECT ${COLUMNS} FROM organization o WHERE ${NAMED}`,
}

/** An organization in whatever state, by id, slug or former slug. */
export async function findOrganization(db: IdentityDb, org: string): Promise<OrganizationRow | undefined> {
  const [row] = await db.sql(FIND_ORGANIZATION, nameOf(org))
  return row === undefined ? undefined : detailsRowSchema.parse(row)
}

const LIST_ORGANIZATIONS: Statement = {
  name: 'list_organizations',
  text: `SELECT ${COLUMNS} FROM organization o
    WHERE ($1::uuid IS NULL OR o.id > $1::uuid)
      AND ($2::text IS NULL OR starts_with(lower(o.name), lower($2::text)) OR starts_with(o.slug, lower($2::text)))
      AND ($3::text IS NULL OR o.status = $3::text)
    ORDER BY o.id LIMIT $4::integer`,
}

export type OrganizationFilter = {
  readonly after: string | undefined
  /** What a name or a slug begins with. */
  readonly search: string | undefined
  readonly status: string | undefined
  readonly limit: number
}

/** Organizations by id, oldest first. */
export async function listOrganizations(
  db: IdentityDb,
  { after, search, status, limit }: OrganizationFilter,
): Promise<readonly OrganizationRow[]> {
  const rows = await db.sql(LIST_ORGANIZATIONS, [after ?? null, search ?? null, status ?? null, limit])
  return rows.map((row) => detailsRowSchema.parse(row))
}

const FIND_BRANDING: Statement = {
  name: 'find_branding',
  text: `SELECT o.id::text, o.name, o.settings -> 'branding' AS branding FROM organization o
    WHERE ${NAMED} AND o.status IN ('active', 'maintenance')`,
}

const brandingRowSchema = z.object({ id: orgIdSchema, name: z.string(), branding: z.unknown() })

/** An open organization's name and what its settings say of its looks, unchecked. */
export async function findBranding(
  db: IdentityDb,
  org: string,
): Promise<{ id: OrgId; name: string; branding?: unknown } | undefined> {
  const [row] = await db.sql(FIND_BRANDING, nameOf(org))
  return row === undefined ? undefined : brandingRowSchema.parse(row)
}
