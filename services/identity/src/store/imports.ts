// Whole batches of an import as single statements: what is there already, and what is added to it. A batch crosses as
// one JSON parameter, which both engines take alike.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

async function send<R>(db: IdentityDb, statement: Statement, rows: readonly object[], schema: z.ZodType<R>) {
  return (await db.sql(statement, [JSON.stringify(rows)])).map((row) => schema.parse(row))
}

const FIND_ORGANIZATIONS: Statement = {
  name: 'find_organizations_to_import',
  text: `SELECT t.slug, o.id::text AS id, o.status,
      array(SELECT x.region FROM organization_region x WHERE x.org_id = o.id) AS regions,
      EXISTS (SELECT FROM slug_alias a WHERE a.slug = t.slug AND a.kept_until > meridian_now()) AS is_kept
    FROM jsonb_to_recordset($1::text::jsonb) AS t(slug text) LEFT JOIN organization o ON o.slug = t.slug`,
}

const foundOrganizationSchema = z.object({
  slug: z.string(),
  id: z.string().nullable(),
  status: z.string().nullable(),
  regions: z.array(z.string()),
  is_kept: z.boolean(),
})
export type FoundOrganization = z.infer<typeof foundOrganizationSchema>

export function findOrganizationsBySlug(
  db: IdentityDb,
  slugs: readonly string[],
): Promise<readonly FoundOrganization[]> {
  const rows = slugs.map((slug) => ({ slug }))
  return send(db, FIND_ORGANIZATIONS, rows, foundOrganizationSchema)
}

const INSERT_ORGANIZATIONS: Statement = {
  name: 'import_organizations',
  text: `INSERT INTO organization
      (id, slug, name, primary_contact_name, primary_contact_email, subscription_tier, home_region, awaits_manager)
    SELECT t.id, t.slug, t.name, t.contact_name, t.contact_email, t.tier, t.home_region, true
    FROM jsonb_to_recordset($1::text::jsonb) AS t(id uuid, slug text, name text, contact_name text,
      contact_email text, tier text, home_region text)
    ORDER BY t.slug ON CONFLICT (slug) DO NOTHING RETURNING slug`,
}

const slugSchema = z.object({ slug: z.string() })

export type ImportedOrganization = {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly contact_name: string
  readonly contact_email: string
  readonly tier: string
  readonly home_region: string | undefined
}

/** The end of the import looks whether they have a manager. Resolves to the slugs that were added; somebody may have taken the others meanwhile. */
export async function insertImportedOrganizations(
  db: IdentityDb,
  rows: readonly ImportedOrganization[],
): Promise<ReadonlySet<string>> {
  const added = await send(db, INSERT_ORGANIZATIONS, rows, slugSchema)
  return new Set(added.map(({ slug }) => slug))
}

const INSERT_PLACES: Statement = {
  name: 'import_organization_regions',
  text: `INSERT INTO organization_region (org_id, region)
    SELECT t.org_id, t.region FROM jsonb_to_recordset($1::text::jsonb) AS t(org_id uuid, region text)
    ORDER BY t.org_id, t.region`,
}

/** Of organizations that were added by the same transaction. */
export async function insertImportedPlaces(
  db: IdentityDb,
  rows: readonly { readonly org_id: string; readonly region: string }[],
): Promise<void> {
  await db.sql(INSERT_PLACES, [JSON.stringify(rows)])
}

const INSERT_PEOPLE: Statement = {
  name: 'import_people',
  text: `INSERT INTO user_account (id, email, name)
    SELECT t.id, t.email, t.name FROM jsonb_to_recordset($1::text::jsonb) AS t(id uuid, email text, name text)
    WHERE NOT is_email_held(t.email, t.id)
    ORDER BY t.email ON CONFLICT (email) DO NOTHING RETURNING email`,
}

const emailSchema = z.object({ email: z.string() })

/** Resolves to the addresses of those that were added. */
export async function insertImportedPeople(
  db: IdentityDb,
  rows: readonly { readonly id: string; readonly email: string; readonly name: string }[],
): Promise<ReadonlySet<string>> {
  const added = await send(db, INSERT_PEOPLE, rows, emailSchema)
  return new Set(added.map(({ email }) => email))
}

const FIND_PEOPLE: Statement = {
  name: 'find_people_to_import',
  text: `SELECT t.email, u.id IS NOT NULL AS is_there, u.id IS NULL AND is_email_held(t.email, t.id) AS is_held
    FROM jsonb_to_recordset($1::text::jsonb) AS t(id uuid, email text)
    LEFT JOIN user_account u ON u.email = t.email`,
}

const foundPersonSchema = z.object({ email: z.string(), is_there: z.boolean(), is_held: z.boolean() })
export type FoundPerson = z.infer<typeof foundPersonSchema>

/** `id` is the one that a person would be given. */
export function findPeopleByEmail(
  db: IdentityDb,
  rows: readonly { readonly id: string; readonly email: string }[],
): Promise<readonly FoundPerson[]> {
  return send(db, FIND_PEOPLE, rows, foundPersonSchema)
}

const FIND_MEMBERSHIPS: Statement = {
  name: 'find_memberships_to_import',
  text: `SELECT t.place, u.id::text AS user_id, u.status AS user_status, u.platform_role IS NOT NULL AS is_sys_admin,
      o.id::text AS org_id, o.status AS org_status,
      x.status = 'active' AND r.status = 'active' AS is_open, m.role, m.status
    FROM jsonb_to_recordset($1::text::jsonb) AS t(place integer, email text, org text, region text)
    LEFT JOIN user_account u ON u.email = t.email
    LEFT JOIN organization o ON o.slug = t.org
    LEFT JOIN organization_region x ON x.org_id = o.id AND x.region = t.region
    LEFT JOIN region r ON r.code = t.region
    LEFT JOIN membership m ON m.user_id = u.id AND m.org_id = o.id AND m.region = t.region
    ORDER BY t.place`,
}

const foundMembershipSchema = z.object({
  user_id: z.string().nullable(),
  user_status: z.string().nullable(),
  is_sys_admin: z.boolean(),
  org_id: z.string().nullable(),
  org_status: z.string().nullable(),
  /** Whether the organization is in the region; null where it never was. */
  is_open: z.boolean().nullable(),
  role: z.string().nullable(),
  status: z.string().nullable(),
})
export type FoundMembership = z.infer<typeof foundMembershipSchema>

/** In the order of what was asked. */
export function findMembershipsToImport(
  db: IdentityDb,
  asked: readonly { readonly email: string; readonly org: string; readonly region: string }[],
): Promise<readonly FoundMembership[]> {
  const rows = asked.map(({ email, org, region }, place) => ({ place, email, org, region }))
  return send(db, FIND_MEMBERSHIPS, rows, foundMembershipSchema)
}

// People in the order of their ids, whose rows a trigger locks: two imports do not wait for each other crosswise.
const INSERT_MEMBERSHIPS: Statement = {
  name: 'import_memberships',
  text: `INSERT INTO membership (id, user_id, org_id, region, role)
    SELECT t.id, t.user_id, t.org_id, t.region, t.role FROM jsonb_to_recordset($1::text::jsonb)
      AS t(id uuid, user_id uuid, org_id uuid, region text, role text)
    ORDER BY t.user_id, t.org_id, t.region
    ON CONFLICT (user_id, org_id, region) DO NOTHING RETURNING id::text, org_id::text`,
}

const addedMembershipSchema = z.object({ id: z.string(), org_id: z.string() })

export function insertImportedMemberships(
  db: IdentityDb,
  rows: readonly {
    readonly id: string
    readonly user_id: string
    readonly org_id: string
    readonly region: string
    readonly role: string
  }[],
): Promise<readonly { id: string; org_id: string }[]> {
  return send(db, INSERT_MEMBERSHIPS, rows, addedMembershipSchema)
}

const LIST_UNMANAGED: Statement = {
  name: 'list_unmanaged_organizations',
  text: `SELECT o.slug FROM organization o WHERE o.status <> 'deleted' AND NOT has_active_manager(o.id)
    ORDER BY o.slug`,
}

/** The organizations that nobody can run. */
export async function listUnmanagedOrganizations(db: IdentityDb): Promise<readonly string[]> {
  return (await db.sql(LIST_UNMANAGED, [])).map((row) => slugSchema.parse(row).slug)
}

// Those that stay without a manager are looked at once: what is suspended and has none is left as it is.
const SETTLE_IMPORTED: Statement = {
  name: 'settle_imported_organizations',
  text: `WITH due AS (SELECT id, status, has_active_manager(id) AS is_managed FROM organization
      WHERE awaits_manager AND (status <> 'suspended' OR has_active_manager(id))
      ORDER BY id LIMIT $1::integer FOR NO KEY UPDATE)
    UPDATE organization o SET awaits_manager = NOT due.is_managed,
      status = CASE WHEN due.is_managed THEN 'active' ELSE 'suspended' END
    FROM due WHERE o.id = due.id RETURNING o.id::text, due.status AS before, o.status AS after`,
}

const settledSchema = z.object({ id: z.string(), before: z.string(), after: z.string() })

/** Opens organizations that imports have made and that have a manager, and suspends the others. */
export async function settleImportedOrganizations(
  db: IdentityDb,
  limit: number,
): Promise<readonly z.infer<typeof settledSchema>[]> {
  const rows = await db.sql(SETTLE_IMPORTED, [limit])
  return rows.map((row) => settledSchema.parse(row))
}

const LIST_AWAITING: Statement = {
  name: 'list_organizations_awaiting_manager',
  text: 'SELECT slug FROM organization WHERE awaits_manager AND NOT has_active_manager(id) ORDER BY slug',
}

/** The organizations that imports have made and that are suspended for want of a manager. */
export async function listAwaitingOrganizations(db: IdentityDb): Promise<readonly string[]> {
  return (await db.sql(LIST_AWAITING, [])).map((row) => slugSchema.parse(row).slug)
}
