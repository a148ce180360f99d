import type { Statement } from '@meridian/database/database'
import { orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { regionHealthSchema } from '@meridian/protocol/region-report'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import { ADMITTING_MEMBERSHIP, TARGET_TABLES } from './mint-statements.ts'
import type { IdentityDb } from './open-store.ts'
import { regionHealth } from './region-health.ts'

const LIST_CONTEXTS: Statement = {
  name: 'list_contexts',
  text: `WITH place AS MATERIALIZED (SELECT o.id::text AS org_id, o.slug, o.name AS org_name, r.code AS region, r.name AS region_name,
      r.api_url AS audience, m.role,
      EXISTS (SELECT FROM client_context k WHERE k.user_id = u.id AND k.client_id = c.id AND k.org_id = o.id
        AND k.region = r.code) AS remembered
    FROM user_account u, client c, ${TARGET_TABLES}
    WHERE u.id = $1::uuid AND c.id = $2::text AND ${ADMITTING_MEMBERSHIP}),
    ${regionHealth('SELECT region FROM place')}
    SELECT p.*, h.health AS region_status FROM place p JOIN region_health h ON h.code = p.region
    ORDER BY p.org_name, p.org_id::uuid, p.region`,
}

const contextRowSchema = z.object({
  org_id: orgIdSchema,
  slug: orgSlugSchema,
  org_name: z.string(),
  region: regionCodeSchema,
  region_name: z.string(),
  audience: z.string(),
  region_status: regionHealthSchema,
  role: roleSchema,
  remembered: z.boolean(),
})
export type ContextRow = z.infer<typeof contextRowSchema>

/** Where this person may act through this client. */
export async function listContexts(db: IdentityDb, userId: string, clientId: string): Promise<readonly ContextRow[]> {
  const rows = await db.sql(LIST_CONTEXTS, [userId, clientId])
  return rows.map((row) => contextRowSchema.parse(row))
}

const REMEMBER_CONTEXT: Statement = {
  name: 'remember_context',
  text: `INSERT INTO client_context (user_id, client_id, org_id, region, used_at)
    SELECT u.id, c.id, o.id, r.code, meridian_now()
    FROM user_account u, client c, ${TARGET_TABLES}
    WHERE u.id = $1::uuid AND u.status = 'active' AND c.id = $2::text AND c.status = 'active'
      AND o.id = $3::uuid AND r.code = $4::text AND ${ADMITTING_MEMBERSHIP}
    ON CONFLICT (user_id, client_id)
      DO UPDATE SET org_id = excluded.org_id, region = excluded.region, used_at = excluded.used_at
    RETURNING org_id::text`,
}

/** Remembers the choice if the person may act there. Resolves to whether they may. */
export async function rememberContext(
  db: IdentityDb,
  person: { userId: string; clientId: string },
  context: { orgId: string; region: string },
): Promise<boolean> {
  const values = [person.userId, person.clientId, context.orgId, context.region]
  return (await db.sql(REMEMBER_CONTEXT, values)).length === 1
}
