// What a person may do in an organization, read from the memberships as they are now; and the lock under which that
// stays true until a change is written.
import type { Statement } from '@meridian/database/database'
import { type OrgId, orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { NAMED, nameOf } from './organization-names.ts'

const READ_STANDING: Statement = {
  name: 'read_standing',
  text: `SELECT o.id::text AS org_id, o.slug, o.name, o.status, o.version,
      array(SELECT x.region FROM organization_region x JOIN region r ON r.code = x.region
        WHERE x.org_id = o.id AND x.status = 'active' AND r.status = 'active' ORDER BY x.region) AS regions,
      array(SELECT x.region FROM organization_region x
        WHERE x.org_id = o.id AND x.status = 'active' AND NOT has_active_manager(o.id, x.region)) AS unmanaged,
      coalesce((SELECT jsonb_object_agg(m.region, m.role) FROM membership m
        JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region AND x.status = 'active'
        JOIN region r ON r.code = m.region AND r.status = 'active'
        WHERE m.org_id = o.id AND m.user_id = u.id AND m.status = 'active'), '{}'::jsonb) AS roles
    FROM organization o, user_account u
    WHERE ${NAMED} AND u.id = $3::uuid AND u.status = 'active' AND o.status IN ('active', 'maintenance')`,
}

const standingSchema = z.object({
  org_id: orgIdSchema,
  slug: orgSlugSchema,
  name: z.string(),
  status: z.enum(['active', 'maintenance']),
  version: z.number(),
  /** Where the organization is, and of these where nobody manages it. */
  regions: z.array(regionCodeSchema),
  unmanaged: z.array(regionCodeSchema),
  /** The person's own roles, by region. */
  roles: z.record(z.string(), roleSchema),
})
export type Standing = z.infer<typeof standingSchema>

/** How a person stands in an organization; undefined where there is none that is open, or no such person. */
export async function readStanding(db: IdentityDb, org: string, userId: string): Promise<Standing | undefined> {
  const [row] = await db.sql(READ_STANDING, [...nameOf(org), userId])
  return row === undefined ? undefined : standingSchema.parse(row)
}

const LOCK_ORGANIZATION: Statement = {
  name: 'lock_organization',
  text: `SELECT o.id::text FROM organization o WHERE ${NAMED} FOR NO KEY UPDATE`,
}

/**
 * Locks the organization's row until the transaction ends: no role or status of a member changes meanwhile but by it.
 * Lock people first. Resolves to its id.
 */
export async function lockOrganization(db: IdentityDb, org: string): Promise<OrgId | undefined> {
  const [row] = await db.sql(LOCK_ORGANIZATION, [...nameOf(org)])
  return row === undefined ? undefined : z.object({ id: orgIdSchema }).parse(row).id
}
