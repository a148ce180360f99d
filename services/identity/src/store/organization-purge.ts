// The end of a deleted organization: each statement does a bounded part, and can be done again.
import type { Statement } from '@meridian/database/database'
import { orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import { RELEASED } from './domains.ts'
import type { IdentityDb } from './open-store.ts'

const BATCH_ROWS = 500

const LIST_DUE: Statement = {
  name: 'list_organizations_to_purge',
  text: `SELECT id::text FROM organization
    WHERE status = 'deleted' AND purged_at IS NULL AND delete_after <= meridian_now() AND ($1::uuid IS NULL OR id > $1::uuid)
    ORDER BY id LIMIT $2::integer`,
}

const idSchema = z.object({ id: orgIdSchema })

/** Deleted organizations whose grace is over, by id. */
export async function listOrganizationsToPurge(
  db: IdentityDb,
  after: string | undefined,
  limit: number,
): Promise<readonly string[]> {
  const rows = await db.sql(LIST_DUE, [after ?? null, limit])
  return rows.map((row) => idSchema.parse(row).id)
}

const LOCK_DUE: Statement = {
  name: 'lock_organization_to_purge',
  text: `SELECT id::text FROM organization
    WHERE id = $1::uuid AND status = 'deleted' AND purged_at IS NULL AND delete_after <= meridian_now()
    FOR NO KEY UPDATE SKIP LOCKED`,
}

/** Resolves to whether it is still to be purged, and nobody else is at it. */
export async function lockOrganizationToPurge(db: IdentityDb, id: string): Promise<boolean> {
  return (await db.sql(LOCK_DUE, [id])).length === 1
}

const LIST_REGIONS: Statement = {
  name: 'list_regions_ever',
  text: 'SELECT region FROM organization_region WHERE org_id = $1::uuid ORDER BY region',
}

/** Every region that the organization has ever been in. */
export async function listRegionsEver(db: IdentityDb, orgId: string): Promise<readonly string[]> {
  const rows = await db.sql(LIST_REGIONS, [orgId])
  return rows.map((row) => z.object({ region: regionCodeSchema }).parse(row).region)
}

// People first, then the organization: the triggers of a membership lock in that order.
const REMOVE_MEMBERSHIPS: Statement = {
  name: 'remove_memberships_of_purged',
  text: `UPDATE membership SET status = 'removed', display_name = NULL WHERE id IN (
      SELECT m.id FROM membership m JOIN organization o ON o.id = m.org_id
      WHERE m.org_id = $1::uuid AND o.status = 'deleted' AND (m.status <> 'removed' OR m.display_name IS NOT NULL)
      ORDER BY m.user_id LIMIT ${BATCH_ROWS})
    RETURNING 1 AS done`,
}

/** Everything that belongs to an organization alone and is of no further use, and the table's key. */
const OWNED = [
  ['invitation', 'id'],
  ['job', 'id'],
  ['entitlement', 'org_id, module'],
  ['entitlement_set', 'org_id'],
  ['organization_asset', 'org_id, digest'],
  ['support_grant', 'id'],
  ['tenant_summary', 'org_id, region'],
] as const

const ERASE: readonly Statement[] = [
  REMOVE_MEMBERSHIPS,
  ...OWNED.map(([table, key]) => ({
    name: `erase_${table}_of_purged`,
    text: `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE org_id = $1::uuid LIMIT ${BATCH_ROWS})
      RETURNING 1 AS done`,
  })),
]

export const ERASURE_STEPS = ERASE.length

/** Erases some of one kind. Resolves to whether there may be more of it. */
export async function eraseSome(db: IdentityDb, orgId: string, step: number): Promise<boolean> {
  const statement = ERASE[step]
  return statement !== undefined && (await db.sql(statement, [orgId])).length === BATCH_ROWS
}

const RELEASE_DOMAINS: Statement = {
  name: 'release_domains_of_purged',
  text: `UPDATE organization_domain d SET ${RELEASED}, verification = ''
    WHERE d.id IN (SELECT id FROM organization_domain WHERE org_id = $1::uuid AND verification <> '' LIMIT ${BATCH_ROWS})
    RETURNING 1 AS done`,
}

/**
 * Gives up some of its domains: those that it had proved are kept from others as if a manager had done it. Resolves to
 * whether there may be more.
 */
export async function releaseSomeDomains(db: IdentityDb, orgId: string, quarantineSeconds: number): Promise<boolean> {
  return (await db.sql(RELEASE_DOMAINS, [orgId, quarantineSeconds])).length === BATCH_ROWS
}

// Which domain, which region and when is all that is left in them.
const FORGET_DOMAINS: Statement = {
  name: 'forget_domains_of_purged',
  text: `DELETE FROM organization_domain WHERE id IN (
      SELECT d.id FROM organization o JOIN organization_domain d ON d.org_id = o.id
      WHERE o.purged_at IS NOT NULL AND d.status = 'released'
        AND (d.quarantine_until IS NULL OR d.quarantine_until <= meridian_now())
      LIMIT ${BATCH_ROWS} FOR UPDATE OF d SKIP LOCKED)
    RETURNING 1 AS done`,
}

/** Forgets some domains of purged organizations that are kept from nobody. Resolves to whether there may be more. */
export async function forgetSomeDomains(db: IdentityDb): Promise<boolean> {
  return (await db.sql(FORGET_DOMAINS, [])).length === BATCH_ROWS
}

const FINISH: Statement = {
  name: 'finish_purge',
  text: `UPDATE organization SET purged_at = meridian_now(), name = slug, settings = '{}', data_placement = NULL,
      primary_contact_name = '', primary_contact_email = ''
    WHERE id = $1::uuid AND status = 'deleted' AND purged_at IS NULL`,
}

/** Leaves id and slug. */
export async function finishPurge(db: IdentityDb, orgId: string): Promise<void> {
  await db.sql(FINISH, [orgId])
}

// What was given up is kept as long as for a living organization; then the tombstone has its id for a name.
const FREE_SLUGS: Statement = {
  name: 'free_slugs_of_purged',
  text: `UPDATE organization SET slug = 'purged-' || replace(id::text, '-', ''), name = 'purged'
    WHERE id IN (SELECT id FROM organization WHERE status = 'deleted' AND slug NOT LIKE 'purged-%'
      AND purged_at <= meridian_now() - make_interval(secs => $1::integer) LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED)
    RETURNING 1 AS done`,
}

/** Resolves to how many slugs of purged organizations are anybody's again. */
export async function freePurgedSlugs(db: IdentityDb, quarantineSeconds: number): Promise<number> {
  return (await db.sql(FREE_SLUGS, [quarantineSeconds])).length
}
