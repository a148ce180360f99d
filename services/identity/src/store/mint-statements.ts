// The SQL that every mint shares: it re-reads, in the statement that mints, the state the token vouches for.
// Aliases: f family, s session, u user, c client, m membership, o organization, x organization-region, r region,
// t the clock, g the targets. Only constants are put together here; values travel as parameters.

import { idNamedBy } from './organization-names.ts'

export const CLOCK = '(SELECT meridian_now() AS now) t'

/** The people and programs behind a family are all still allowed to act. */
export const LIVE_PARTIES = `s.id = f.session_id AND s.revoked_at IS NULL
  AND u.id = s.user_id AND u.status = 'active'
  AND c.id = f.client_id AND c.status = 'active'`

export const LIVE_FAMILY = `f.revoked_at IS NULL AND f.idle_expires_at > t.now AND f.absolute_expires_at > t.now
  AND f.epoch = (SELECT epoch FROM deployment)`

/** Organization and region of a row are open to client `c`; the rows that say so are o, x, r. */
const openPlace = (row: string) => `o.id = ${row}.org_id AND o.status IN ('active', 'maintenance')
  AND x.org_id = ${row}.org_id AND x.region = ${row}.region AND x.status = 'active'
  AND r.code = ${row}.region AND r.status = 'active'
  AND ('*' = ANY (c.allowed_resources) OR r.api_url = ANY (c.allowed_resources))`

/** A membership that admits `u` through client `c`; the rows that say so are m, o, x, r. */
export const ADMITTING_MEMBERSHIP = `m.user_id = u.id AND m.status = 'active' AND ${openPlace('m')}`

/** The same of a support grant, k: for the sys-admin who asked for it, as long as it lasts. A token needs a second. */
export const ADMITTING_SUPPORT = `k.requested_by = u.id AND u.platform_role = 'sys_admin'
  AND k.status = 'approved' AND k.expires_at >= t.now + interval '1 second' AND ${openPlace('k')}`

export const SIGNED_IN_COLUMNS = `u.id::text AS user_id, u.platform_role, s.id::text AS session_id,
  extract(epoch FROM s.auth_time)::float8 AS auth_time, s.amr, extract(epoch FROM t.now)::float8 AS now`

export const FAMILY_COLUMNS = `f.id::text AS family_id, f.scope, f.counter, f.head_key_id, f.epoch::text AS epoch,
  extract(epoch FROM f.absolute_expires_at)::float8 AS absolute_expires_at`

export const SUPPORT_TABLES = 'support_grant k, organization o, organization_region x, region r'

export const TARGET_TABLES = 'membership m, organization o, organization_region x, region r'

/**
 * Every target that admits `u` through client `c`, as `g`. OFFSET 0 makes the planner join it by itself: planning
 * all of a mint's tables as one join takes fifteen times as long, once a connection and on each repeat.
 */
export const TARGETS = `LATERAL (
  SELECT m.id AS mid, m.version AS mv, m.role, o.id AS org_id, r.code AS region, r.api_url AS audience
  FROM ${TARGET_TABLES} WHERE ${ADMITTING_MEMBERSHIP} OFFSET 0) g`

export const TARGET_COLUMNS = 'g.mid::text AS mid, g.mv, g.role, g.org_id::text AS org_id, g.region, g.audience'

/** The target of a family's token: the one named by the request, else the one the family is bound to. */
export function familyTarget(resource: string, org: string): string {
  return `g.audience = coalesce(${resource}::text, f.resource)
    AND CASE WHEN ${org}::text IS NULL THEN g.org_id = f.org_id ELSE g.org_id = ${idNamedBy(org)} END
    AND (c.account_token OR (g.audience = f.resource AND g.org_id = f.org_id))`
}

/** The context to begin in, as 'org region': the only one; else the one asked for; else the one remembered; else null. */
export const CHOSEN_CONTEXT = `(
  SELECT CASE WHEN count(*) = 1 THEN min(m.org_id::text || ' ' || m.region) ELSE coalesce(
    min(m.org_id::text || ' ' || m.region) FILTER (WHERE m.org_id = f.org_id AND r.api_url = f.resource),
    min(m.org_id::text || ' ' || m.region) FILTER (WHERE EXISTS (
      SELECT FROM client_context k
      WHERE k.user_id = u.id AND k.client_id = c.id AND k.org_id = m.org_id AND k.region = m.region))) END
  FROM ${TARGET_TABLES} WHERE ${ADMITTING_MEMBERSHIP}) AS context`
