import type { Statement } from '@meridian/database/database'
import { sqlStateOf, violatedConstraintOf } from '@meridian/database/sql-state'
import type { MakeId } from '@meridian/database/uuid-v7'
import type { IdentityDb } from './open-store.ts'

export type NewOrganization = {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly primaryContactName: string
  readonly primaryContactEmail: string
  readonly subscriptionTier: string
  readonly regions: readonly string[]
}

// A statement of our own: Prisma would not say which constraint a trigger has named.
const INSERT_ORGANIZATION: Statement = {
  name: 'insert_organization',
  text: `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email, subscription_tier, home_region)
    VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text)`,
}

/** Adds the organization and its regions. The database refuses a taken slug and an unknown region. */
export async function insertOrganization(db: IdentityDb, organization: NewOrganization): Promise<void> {
  const { id, slug, name, primaryContactName, primaryContactEmail, subscriptionTier, regions } = organization
  const contact = [primaryContactName, primaryContactEmail]
  await db.sql(INSERT_ORGANIZATION, [id, slug, name, ...contact, subscriptionTier, regions[0] ?? null])
  await insertOrganizationRegions(db, organization.id, regions)
}

export async function insertOrganizationRegions(
  db: IdentityDb,
  orgId: string,
  regions: readonly string[],
): Promise<void> {
  await db.prisma.organizationRegion.createMany({
    data: regions.map((region) => ({ orgId, region })),
    skipDuplicates: true,
  })
}

const INSERT_MANAGER: Statement = {
  name: 'insert_manager',
  text: `INSERT INTO membership (id, user_id, org_id, region, role)
    SELECT t.id::uuid, $1::uuid, $2::uuid, t.region, 'manager' FROM unnest($3::text[], $4::text[]) AS t(id, region)
    ON CONFLICT (user_id, org_id, region) DO UPDATE SET role = 'manager', status = 'active'`,
}

/** Makes somebody manager in these regions, whatever they were there before. Lock the person, then the organization. */
export async function insertManager(
  db: IdentityDb,
  makeId: MakeId,
  { userId, orgId, regions }: { readonly userId: string; readonly orgId: string; readonly regions: readonly string[] },
): Promise<void> {
  await db.sql(INSERT_MANAGER, [userId, orgId, regions.map(() => makeId()), regions])
}

const HAS_ACTIVE_MANAGER: Statement = {
  name: 'organization_has_active_manager',
  text: 'SELECT has_active_manager($1::uuid) AS managed',
}

export async function hasActiveManager(db: IdentityDb, orgId: string): Promise<boolean> {
  const [row] = await db.sql(HAS_ACTIVE_MANAGER, [orgId])
  return row?.['managed'] === true
}

export async function listActiveRegionCodes(db: IdentityDb): Promise<ReadonlySet<string>> {
  const rows = await db.prisma.region.findMany({ where: { status: 'active' }, select: { code: true } })
  return new Set(rows.map((row) => row.code))
}

/** The index's name, or its column where Prisma keeps only that. */
const SLUG_INDEX: readonly (string | undefined)[] = ['organization_slug_key', 'slug']

export function isSlugTaken(error: unknown): boolean {
  if (sqlStateOf(error) !== '23505') return false
  const isKept = String((error as Error).message).includes('the slug is kept')
  return isKept || SLUG_INDEX.includes(violatedConstraintOf(error))
}

/** Whether the database kept an organization's last active manager. */
export function isLossOfLastManager(error: unknown): boolean {
  return sqlStateOf(error) === '23514' && String((error as Error).message).includes('keeps an active manager')
}

export function isMembershipOfSysAdmin(error: unknown): boolean {
  return sqlStateOf(error) === '23514' && String((error as Error).message).includes('sys-admin')
}
