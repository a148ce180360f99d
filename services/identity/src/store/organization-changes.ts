// How an organization's row changes, once somebody's authority and the row's lock are there.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type OrganizationFields = {
  readonly name?: string
  readonly primaryContactName?: string
  readonly primaryContactEmail?: string
  readonly subscriptionTier?: string
  readonly dataPlacement?: string | null
  readonly homeRegion?: string
}

export async function updateOrganization(db: IdentityDb, id: string, fields: OrganizationFields): Promise<void> {
  await db.prisma.organization.update({ where: { id }, data: fields })
}

// Null takes a setting away.
const CHANGE_SETTINGS: Statement = {
  name: 'change_settings',
  text: `UPDATE organization SET settings = jsonb_strip_nulls(settings || $2::text::jsonb) WHERE id = $1::uuid`,
}

/** Settings that are not named stay as they are. */
export async function changeSettings(db: IdentityDb, id: string, settings: object): Promise<void> {
  await db.sql(CHANGE_SETTINGS, [id, JSON.stringify(settings)])
}

// What another organization had until its time was over leads to it no longer, and one's own is taken back.
const FREE_ALIAS: Statement = {
  name: 'free_slug_alias',
  text: `DELETE FROM slug_alias WHERE slug = $2::text AND (org_id = $1::uuid OR kept_until <= meridian_now())`,
}
const TAKE_SLUG: Statement = {
  name: 'take_slug',
  text: `WITH former AS (SELECT slug FROM organization WHERE id = $1::uuid),
    taken AS (UPDATE organization SET slug = $2::text WHERE id = $1::uuid)
    INSERT INTO slug_alias (slug, org_id, kept_until)
    SELECT former.slug, $1::uuid, meridian_now() + make_interval(secs => $3::integer) FROM former
    ON CONFLICT (slug) DO UPDATE
      SET org_id = excluded.org_id, created_at = meridian_now(), kept_until = excluded.kept_until`,
}

const COUNT_ALIASES: Statement = {
  name: 'count_slug_aliases',
  text: `SELECT count(*)::integer AS held FROM slug_alias WHERE org_id = $1::uuid AND kept_until > meridian_now()`,
}
const heldSchema = z.object({ held: z.int() })

/** Takes away what stands between an organization and a slug. Needs the organization's lock, and a transaction. */
export async function freeAlias(db: IdentityDb, id: string, slug: string): Promise<void> {
  await db.sql(FREE_ALIAS, [id, slug])
}

/** How many slugs lead to an organization besides its own. */
export async function countAliases(db: IdentityDb, id: string): Promise<number> {
  const [row] = await db.sql(COUNT_ALIASES, [id])
  return heldSchema.parse(row).held
}

/** The former slug becomes an alias. The database refuses one that somebody else has or that is kept for them. */
export async function takeSlug(db: IdentityDb, id: string, slug: string, quarantineSeconds: number): Promise<void> {
  await db.sql(TAKE_SLUG, [id, slug, quarantineSeconds])
}

// An organization is opened only where somebody manages it.
const CHANGE_STATUS: Statement = {
  name: 'change_organization_status',
  text: `UPDATE organization SET status = $2::text, awaits_manager = false
    WHERE id = $1::uuid AND status <> 'deleted' AND ($2::text = 'suspended' OR has_active_manager(id)) RETURNING id::text`,
}

/** Resolves to whether it did: not where the organization is deleted, nor where nobody could manage what is opened. */
export async function changeStatus(db: IdentityDb, id: string, status: string): Promise<boolean> {
  return (await db.sql(CHANGE_STATUS, [id, status])).length === 1
}

const DELETE_ORGANIZATION: Statement = {
  name: 'delete_organization',
  text: `UPDATE organization SET status = 'deleted', status_before_deletion = status, deleted_at = meridian_now(),
      delete_after = meridian_now() + make_interval(secs => $2::integer)
    WHERE id = $1::uuid AND status <> 'deleted'`,
}

/** From now on it admits nobody; after the grace it is purged. */
export async function deleteOrganization(db: IdentityDb, id: string, graceSeconds: number): Promise<void> {
  await db.sql(DELETE_ORGANIZATION, [id, graceSeconds])
}

const RESTORE_ORGANIZATION: Statement = {
  name: 'restore_organization',
  text: `UPDATE organization SET status = CASE WHEN has_active_manager(id) THEN coalesce(status_before_deletion, 'suspended')
        ELSE 'suspended' END,
      status_before_deletion = NULL, deleted_at = NULL, delete_after = NULL
    WHERE id = $1::uuid AND status = 'deleted' AND delete_after > meridian_now() RETURNING status`,
}

/** To what it was, or suspended where nobody manages it any more. Resolves to that; undefined where it is too late. */
export async function restoreOrganization(db: IdentityDb, id: string): Promise<string | undefined> {
  const [row] = await db.sql(RESTORE_ORGANIZATION, [id])
  return row === undefined ? undefined : z.object({ status: z.string() }).parse(row).status
}
