// Support grants: rows that a sys-admin asks for and an organization decides on. Each step is one conditional statement;
// what tokens they give is support-admission.ts.
import type { Statement } from '@meridian/database/database'
import {
  orgIdSchema,
  orgSlugSchema,
  type RegionCode,
  regionCodeSchema,
  supportGrantIdSchema,
  userIdSchema,
} from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type SupportRole = 'viewer' | 'member'
export type SupportEnd = 'organization' | 'platform'

/** Its time is up, or nobody decided in time, whether or not that was noted. */
const IS_EXPIRED = `(g.status = 'approved' AND g.expires_at <= t.now
  OR g.status = 'requested' AND g.requested_at <= t.now - interval '7 days')`

const SELECT_GRANTS = `SELECT g.id::text AS id, o.id::text AS org_id, o.slug, o.name AS org_name, g.region,
    r.api_url AS audience, u.id::text AS requester_id, u.name AS requester_name, g.reason, g.role, g.duration_seconds,
    CASE WHEN ${IS_EXPIRED} THEN 'ended' ELSE g.status END AS status, g.requested_at, g.decided_by::text AS decided_by,
    g.decided_at, g.expires_at, g.last_used_at, g.ended_by::text AS ended_by,
    CASE WHEN ${IS_EXPIRED} THEN coalesce(g.expires_at, g.requested_at + interval '7 days') ELSE g.ended_at END AS ended_at,
    CASE WHEN ${IS_EXPIRED} THEN 'expired' ELSE g.ended_reason END AS ended_reason
  FROM (SELECT meridian_now() AS now) t, support_grant g
  JOIN organization o ON o.id = g.org_id JOIN region r ON r.code = g.region JOIN user_account u ON u.id = g.requested_by`

const grantSchema = z.object({
  id: supportGrantIdSchema,
  org_id: orgIdSchema,
  slug: orgSlugSchema,
  org_name: z.string(),
  region: regionCodeSchema,
  audience: z.string(),
  requester_id: userIdSchema,
  requester_name: z.string(),
  reason: z.string(),
  role: z.enum(['viewer', 'member']),
  duration_seconds: z.number(),
  status: z.enum(['requested', 'approved', 'declined', 'ended']),
  requested_at: z.date(),
  decided_by: userIdSchema.nullable(),
  decided_at: z.date().nullable(),
  expires_at: z.date().nullable(),
  last_used_at: z.date().nullable(),
  ended_by: userIdSchema.nullable(),
  ended_at: z.date().nullable(),
  ended_reason: z.enum(['organization', 'platform', 'expired', 'organization_closed', 'requester_gone']).nullable(),
})
export type SupportGrantRow = z.infer<typeof grantSchema>

const FIND_GRANT: Statement = {
  name: 'find_support_grant',
  text: `${SELECT_GRANTS} WHERE g.id = $1::uuid`,
}

export async function findSupportGrant(db: IdentityDb, id: string): Promise<SupportGrantRow | undefined> {
  const [row] = await db.sql(FIND_GRANT, [id])
  return row === undefined ? undefined : grantSchema.parse(row)
}

const LIST_GRANTS: Statement = {
  name: 'list_support_grants',
  text: `${SELECT_GRANTS}
    WHERE ($1::uuid IS NULL OR g.org_id = $1::uuid AND g.region = ANY (string_to_array($2::text, ' ')))
      AND ($3::uuid IS NULL OR g.id < $3::uuid)
    ORDER BY g.id DESC LIMIT $4::integer`,
}

/** Newest first: of an organization in these regions, or (without one) all there are. */
export async function listSupportGrants(
  db: IdentityDb,
  place: { readonly orgId: string; readonly regions: readonly string[] } | undefined,
  page: { readonly before: string | undefined; readonly limit: number },
): Promise<readonly SupportGrantRow[]> {
  const values = [place?.orgId ?? null, place?.regions.join(' ') ?? null, page.before ?? null, page.limit]
  return (await db.sql(LIST_GRANTS, values)).map((row) => grantSchema.parse(row))
}

const FIND_OPEN_REGIONS: Statement = {
  name: 'find_open_regions',
  text: `SELECT x.region FROM organization o JOIN organization_region x ON x.org_id = o.id JOIN region r ON r.code = x.region
    WHERE o.id = $1::uuid AND o.status IN ('active', 'maintenance') AND x.status = 'active' AND r.status = 'active'`,
}

/** Where an organization may be entered; nowhere while it is closed. */
export async function findOpenRegions(db: IdentityDb, orgId: string): Promise<readonly RegionCode[]> {
  const rows = await db.sql(FIND_OPEN_REGIONS, [orgId])
  return rows.map((row) => z.object({ region: regionCodeSchema }).parse(row).region)
}

const INSERT_GRANT: Statement = {
  name: 'insert_support_grant',
  text: `INSERT INTO support_grant (id, org_id, region, requested_by, reason, role, duration_seconds)
    SELECT $1::uuid, $2::uuid, $3::text, u.id, $5::text, $6::text, $7::integer FROM user_account u
    WHERE u.id = $4::uuid AND u.status = 'active' AND u.platform_role = 'sys_admin'
    ON CONFLICT (org_id, region, requested_by) WHERE status = 'requested' DO NOTHING RETURNING id::text`,
}

export type NewSupportGrant = {
  readonly id: string
  readonly orgId: string
  readonly region: string
  readonly requestedBy: string
  readonly reason: string
  readonly role: SupportRole
  readonly durationSeconds: number
}

/** Resolves to whether it was added: one request of a sys-admin at a time waits for a decision. */
export async function insertSupportGrant(db: IdentityDb, grant: NewSupportGrant): Promise<boolean> {
  const { id, orgId, region, requestedBy, reason, role, durationSeconds } = grant
  return (await db.sql(INSERT_GRANT, [id, orgId, region, requestedBy, reason, role, durationSeconds])).length === 1
}

const APPROVE_GRANT: Statement = {
  name: 'approve_support_grant',
  text: `UPDATE support_grant g SET status = 'approved', role = $3::text, duration_seconds = $4::integer,
      decided_by = $2::uuid, decided_at = t.now, expires_at = t.now + make_interval(secs => $4::integer)
    FROM (SELECT meridian_now() AS now) t
    WHERE g.id = $1::uuid AND g.status = 'requested' AND NOT ${IS_EXPIRED}
      AND ($3::text = 'viewer' OR g.role = 'member') AND $4::integer <= g.duration_seconds
    RETURNING g.id::text`,
}

/** Gives as much as was asked for or less. Resolves to whether it still waited for that. */
export async function approveSupportGrant(
  db: IdentityDb,
  id: string,
  decision: { readonly by: string; readonly role: SupportRole; readonly durationSeconds: number },
): Promise<boolean> {
  return (await db.sql(APPROVE_GRANT, [id, decision.by, decision.role, decision.durationSeconds])).length === 1
}

const DECLINE_GRANT: Statement = {
  name: 'decline_support_grant',
  text: `UPDATE support_grant SET status = 'declined', decided_by = $2::uuid, decided_at = meridian_now()
    WHERE id = $1::uuid AND status = 'requested' RETURNING id::text`,
}

export async function declineSupportGrant(db: IdentityDb, id: string, by: string): Promise<boolean> {
  return (await db.sql(DECLINE_GRANT, [id, by])).length === 1
}

const END_GRANT: Statement = {
  name: 'end_support_grant',
  text: `UPDATE support_grant SET status = 'ended', ended_by = $2::uuid, ended_at = meridian_now(), ended_reason = $3::text
    WHERE id = $1::uuid AND status IN ('requested', 'approved') RETURNING id::text`,
}

/** Resolves to whether it was open. The database tells the region. */
export async function endSupportGrant(db: IdentityDb, id: string, by: string, reason: SupportEnd): Promise<boolean> {
  return (await db.sql(END_GRANT, [id, by, reason])).length === 1
}

// In the order of their ids, as everything that locks several of them.
const endLapsed = (which: string, how: string) => `UPDATE support_grant e
    SET status = 'ended', ended_at = f.now, ended_reason = f.reason
    FROM (SELECT g.id, t.now, CASE
          WHEN u.status <> 'active' OR u.platform_role IS DISTINCT FROM 'sys_admin' THEN 'requester_gone'
          WHEN o.status NOT IN ('active', 'maintenance') OR x.status <> 'active' THEN 'organization_closed'
          ELSE 'expired' END AS reason
        FROM (SELECT meridian_now() AS now) t, support_grant g
        JOIN user_account u ON u.id = g.requested_by JOIN organization o ON o.id = g.org_id
        JOIN organization_region x ON x.org_id = g.org_id AND x.region = g.region
        WHERE ${which} AND g.status IN ('requested', 'approved') AND (${IS_EXPIRED}
          OR u.status <> 'active' OR u.platform_role IS DISTINCT FROM 'sys_admin'
          OR o.status NOT IN ('active', 'maintenance') OR x.status <> 'active')
        ORDER BY g.id ${how}) f
    WHERE e.id = f.id RETURNING e.id::text`

const END_OVERDUE: Statement = {
  name: 'end_overdue_support_grants',
  text: endLapsed('true', 'LIMIT $1::integer FOR UPDATE OF g SKIP LOCKED'),
}
const END_LAPSED_OF_REQUESTER: Statement = {
  name: 'end_lapsed_support_grants_of_requester',
  text: endLapsed('g.requested_by = $1::uuid', 'FOR UPDATE OF g'),
}
const END_LAPSED_OF_ORGANIZATION: Statement = {
  name: 'end_lapsed_support_grants_of_organization',
  text: endLapsed('g.org_id = $1::uuid', 'FOR UPDATE OF g'),
}

const endedSchema = z.object({ id: z.string() })

/** Ends, in a batch, what nobody had to end: see the reasons. Resolves to the ids. */
export async function endOverdueSupportGrants(db: IdentityDb, limit: number): Promise<readonly string[]> {
  return (await db.sql(END_OVERDUE, [limit])).map((row) => endedSchema.parse(row).id)
}

export type SupportParty = { readonly requestedBy: string } | { readonly orgId: string }

/** The same of one party, whole: whoever is using such a grant is waited for. Resolves to the ids. */
export async function endLapsedSupportGrants(db: IdentityDb, party: SupportParty): Promise<readonly string[]> {
  const rows =
    'orgId' in party
      ? await db.sql(END_LAPSED_OF_ORGANIZATION, [party.orgId])
      : await db.sql(END_LAPSED_OF_REQUESTER, [party.requestedBy])
  return rows.map((row) => endedSchema.parse(row).id)
}

const LIST_MANAGERS: Statement = {
  name: 'list_addresses_of_managers',
  text: `SELECT DISTINCT u.email FROM membership m JOIN user_account u ON u.id = m.user_id
    WHERE m.org_id = $1::uuid AND m.role = 'manager' AND m.status = 'active' AND u.status = 'active' AND u.email IS NOT NULL
    ORDER BY u.email`,
}

/** The addresses of an organization's managers, of whichever region. */
export async function listAddressesOfManagers(db: IdentityDb, orgId: string): Promise<readonly string[]> {
  const rows = await db.sql(LIST_MANAGERS, [orgId])
  return rows.map((row) => z.object({ email: z.string() }).parse(row).email)
}
