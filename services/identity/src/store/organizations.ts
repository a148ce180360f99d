import type { Statement } from '@meridian/database/database'
import { sqlStateOf, violatedConstraintOf } from '@meridian/database/sql-state'
import { z } from 'zod'
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

export type NewMembership = {
  readonly id: string
  readonly userId: string
  readonly orgId: string
  readonly region: string
  readonly role: string
}

/** Adds the organization and its regions. The database refuses a taken slug and an unknown region. */
export async function insertOrganization(db: IdentityDb, organization: NewOrganization): Promise<void> {
  const { regions, ...fields } = organization
  await db.prisma.organization.create({ data: fields })
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

/** Adds memberships; one that exists for the same person, organization and region is left as it is. */
export async function insertMemberships(db: IdentityDb, memberships: readonly NewMembership[]): Promise<number> {
  const result = await db.prisma.membership.createMany({ data: [...memberships], skipDuplicates: true })
  return result.count
}

export async function findOrganizationBySlug(
  db: IdentityDb,
  slug: string,
): Promise<{ id: string; version: number } | null> {
  return db.prisma.organization.findFirst({ where: { slug }, select: { id: true, version: true } })
}

export async function listActiveRegionCodes(db: IdentityDb): Promise<ReadonlySet<string>> {
  const rows = await db.prisma.region.findMany({ where: { status: 'active' }, select: { code: true } })
  return new Set(rows.map((row) => row.code))
}

export function isSlugTaken(error: unknown): boolean {
  return sqlStateOf(error) === '23505' && names(error, ['organization_slug_key', 'slug'])
}

export function isMembershipOfSysAdmin(error: unknown): boolean {
  return sqlStateOf(error) === '23514' && String((error as Error).message).includes('sys-admin')
}

function names(error: unknown, candidates: readonly string[]): boolean {
  const constraint = violatedConstraintOf(error)
  return constraint !== undefined && candidates.includes(constraint)
}

const FIND_BRANDING: Statement = {
  name: 'find_branding',
  text: `SELECT name, settings -> 'branding' AS branding FROM organization
    WHERE $1::text IN (id::text, slug) AND status IN ('active', 'maintenance')`,
}

/** An organization's name and what its settings say of its looks, unchecked. */
export async function findBranding(
  db: IdentityDb,
  org: string,
): Promise<{ name: string; branding?: unknown } | undefined> {
  const [row] = await db.sql(FIND_BRANDING, [org])
  return row === undefined ? undefined : z.object({ name: z.string(), branding: z.unknown() }).parse(row)
}
