import { withTransaction } from '@meridian/database/transaction'
import { z } from 'zod'
import type { RegionDatabase } from './open-store.ts'

const PROBE_ORG_ID = '00000000-0000-7000-8000-000000000001'
const OTHER_ORG_ID = '00000000-0000-7000-8000-000000000002'

const enterAs = (orgId: string) => ({
  name: 'enter_probe',
  text: "SELECT set_config('role', 'meridian_tenant', true), set_config('app.org_id', $1, true)",
  values: [orgId],
})

/** What the feed tells of organizations: tenants read their own of it. */
const TOLD_TABLES = ['entitlement', 'membership', 'organization', 'organization_domain', 'user_account']
const WALLED = `relrowsecurity AND NOT pg_has_role(current_user, relowner, 'MEMBER')`

const LOOK = {
  name: 'look_at_isolation',
  text: `SELECT current_user::text AS role,
    (SELECT count(*)::integer FROM isolation_probe) AS probes,
    EXISTS (SELECT FROM membership) OR EXISTS (SELECT FROM organization) OR EXISTS (SELECT FROM entitlement)
      OR EXISTS (SELECT FROM organization_domain) AS sees_told,
    (SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = current_user) AS is_privileged,
    (SELECT count(*)::integer FROM pg_class WHERE oid IN ('record'::regclass, 'isolation_probe'::regclass)
      AND relforcerowsecurity AND ${WALLED}) AS walled,
    (SELECT count(*)::integer FROM pg_class
      WHERE oid = ANY (ARRAY['${TOLD_TABLES.join("', '")}']::regclass[]) AND ${WALLED}
        AND NOT has_table_privilege(current_user, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) AS told_walled`,
}

const lookSchema = z.strictObject({
  role: z.literal('meridian_tenant'),
  probes: z.int(),
  // Neither organization exists.
  sees_told: z.literal(false),
  is_privileged: z.literal(false),
  walled: z.literal(2),
  told_walled: z.literal(TOLD_TABLES.length),
})

/** Rejects when the role of tenants can see another organization's row, or could get past the policies at all. */
export async function checkIsolation(database: RegionDatabase): Promise<void> {
  const visible = await withTransaction(database, async (db) => {
    const counts: number[] = []
    for (const orgId of [PROBE_ORG_ID, OTHER_ORG_ID, '']) {
      const { values, ...statement } = enterAs(orgId)
      await db.sql(statement, values)
      const [row] = await db.sql(LOOK, [])
      counts.push(lookSchema.parse(row).probes)
    }
    return counts
  })
  if (visible.join() !== '1,0,0') throw new Error(`organizations are not isolated: probe rows seen: ${visible.join()}`)
}
