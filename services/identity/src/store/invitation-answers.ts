// Invitations as the invited person sees and answers them. An invitation admits only while everything holds that it
// rested on when it was made; the statement that settles it reads all of it again.
import type { Statement } from '@meridian/database/database'
import { invitationIdSchema, orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

/** Still to be answered: aliases i (invitation), o (its organization), t (the clock). */
const LIVE = `i.status = 'pending' AND i.expires_at > t.now AND o.id = i.org_id AND o.status IN ('active', 'maintenance')`

/** Of role `r` of invitation `i`: the region is open, and who gave the role may still give it (directory/authority.ts). */
export const IS_VOUCHED_FOR = `EXISTS (SELECT FROM organization_region x JOIN region p ON p.code = x.region
    WHERE x.org_id = i.org_id AND x.region = r.region AND x.status = 'active' AND p.status = 'active')
  AND EXISTS (SELECT FROM membership g JOIN user_account v ON v.id = g.user_id AND v.status = 'active'
      JOIN organization_region x ON x.org_id = g.org_id AND x.region = g.region AND x.status = 'active'
      JOIN region p ON p.code = g.region AND p.status = 'active'
    WHERE g.user_id = r.invited_by AND g.org_id = i.org_id AND g.role = 'manager' AND g.status = 'active'
      AND (g.region = r.region OR NOT has_active_manager(i.org_id, r.region)))`

/** What has happened to the person's membership there since the role was given is newer than the invitation. */
const IS_OVERTAKEN = `EXISTS (SELECT FROM membership m WHERE m.user_id = u.id AND m.org_id = i.org_id
  AND m.region = r.region AND m.changed_at >= r.given_at)`

/** Whether invitation `i` can be accepted by person `u`: to their proved address, and with each of its roles. */
const ADMITS = `${LIVE} AND u.status = 'active' AND u.email = i.email AND u.email_verified_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM invitation_role r
    WHERE r.invitation_id = i.id AND NOT (${IS_VOUCHED_FOR} AND NOT ${IS_OVERTAKEN}))`

export const CLOCK = '(SELECT meridian_now() AS now) t'

const LIST_OWN: Statement = {
  name: 'list_own_invitations',
  text: `SELECT i.id::text, o.id::text AS org_id, o.slug, o.name AS org_name,
      extract(epoch FROM i.expires_at)::float8 AS expires_at,
      (SELECT jsonb_agg(jsonb_build_object('region', r.region, 'region_name', p.name, 'role', r.role) ORDER BY r.region)
        FROM invitation_role r JOIN region p ON p.code = r.region WHERE r.invitation_id = i.id) AS roles
    FROM ${CLOCK}, user_account u, invitation i, organization o
    WHERE u.id = $1::uuid AND u.platform_role IS NULL AND ${ADMITS} ORDER BY i.id LIMIT 100`,
}

const ownRowSchema = z.object({
  id: invitationIdSchema,
  org_id: orgIdSchema,
  slug: orgSlugSchema,
  org_name: z.string(),
  expires_at: z.number(),
  roles: z.array(z.object({ region: regionCodeSchema, region_name: z.string(), role: roleSchema })),
})
export type OwnInvitationRow = z.infer<typeof ownRowSchema>

/** What a person can accept now; nothing for a sys-admin, who can be no member. */
export async function listOwnInvitations(db: IdentityDb, userId: string): Promise<readonly OwnInvitationRow[]> {
  const rows = await db.sql(LIST_OWN, [userId])
  return rows.map((row) => ownRowSchema.parse(row))
}

const ROLES_OF_IT = `(SELECT jsonb_agg(jsonb_build_object('region', r.region, 'role', r.role) ORDER BY r.region)
  FROM invitation_role r WHERE r.invitation_id = i.id)`

const FIND_PLACE: Statement = {
  name: 'find_place_of_invitation',
  text: `SELECT i.org_id::text, array(SELECT r.region FROM invitation_role r
      WHERE r.invitation_id = i.id ORDER BY r.region) AS regions
    FROM invitation i WHERE i.id = $1::uuid`,
}

const placeSchema = z.object({ org_id: z.string(), regions: z.array(regionCodeSchema) })

/** The organization and the regions that it is to; undefined where there is no such invitation. */
export async function findPlaceOfInvitation(
  db: IdentityDb,
  id: string,
): Promise<z.infer<typeof placeSchema> | undefined> {
  const [row] = await db.sql(FIND_PLACE, [id])
  return row === undefined ? undefined : placeSchema.parse(row)
}

const ACCEPT: Statement = {
  name: 'accept_invitation',
  text: `UPDATE invitation i SET status = 'accepted', settled_at = t.now, user_id = u.id
    FROM ${CLOCK}, user_account u, organization o
    WHERE i.id = $1::uuid AND u.id = $2::uuid AND ${ADMITS}
    RETURNING ${ROLES_OF_IT} AS roles`,
}

const settledSchema = z.object({ roles: z.array(z.object({ region: regionCodeSchema, role: roleSchema })) })
export type SettledRoles = z.infer<typeof settledSchema>['roles']

/** Settles the invitation as accepted, once; resolves to the roles that it gives. Needs the organization's row locked. */
export async function settleAsAccepted(db: IdentityDb, id: string, userId: string): Promise<SettledRoles | undefined> {
  const [row] = await db.sql(ACCEPT, [id, userId])
  return row === undefined ? undefined : settledSchema.parse(row).roles
}

const DECLINE: Statement = {
  name: 'decline_invitation',
  text: `UPDATE invitation i SET status = 'declined', settled_at = t.now FROM ${CLOCK}, user_account u, organization o
    WHERE i.id = $1::uuid AND u.id = $2::uuid AND ${LIVE}
      AND u.status = 'active' AND u.email = i.email AND u.email_verified_at IS NOT NULL
    RETURNING ${ROLES_OF_IT} AS roles`,
}

/** Settles the invitation as declined, once; resolves to the roles that it gave. */
export async function settleAsDeclined(db: IdentityDb, id: string, userId: string): Promise<SettledRoles | undefined> {
  const [row] = await db.sql(DECLINE, [id, userId])
  return row === undefined ? undefined : settledSchema.parse(row).roles
}

const INSERT_INVITED: Statement = {
  name: 'insert_invited_user',
  text: `INSERT INTO user_account (id, email, name)
    SELECT $1::uuid, n.email, split_part(n.email, '@', 1) FROM invitation n
    WHERE n.id = $2::uuid AND NOT is_email_held(n.email, $1::uuid)
      AND EXISTS (SELECT FROM ${CLOCK}, invitation i, organization o WHERE i.email = n.email AND ${LIVE})
    ON CONFLICT (email) DO NOTHING RETURNING id::text`,
}
const FIND_EMAIL: Statement = {
  name: 'find_email_of_invitation',
  text: 'SELECT email FROM invitation WHERE id = $1::uuid',
}

/**
 * Makes the account of an invited address that has just been proved, unless it is somebody's by now, or nobody's
 * invitation any more. Resolves to the address, and whether an account was made.
 */
export async function insertInvitedUser(
  db: IdentityDb,
  invitation: string,
  userId: string,
): Promise<{ email: string; isNew: boolean } | undefined> {
  const isNew = (await db.sql(INSERT_INVITED, [userId, invitation])).length === 1
  const [row] = await db.sql(FIND_EMAIL, [invitation])
  return row === undefined ? undefined : { email: z.object({ email: z.string() }).parse(row).email, isNew }
}

/** This invitation, if it is still to be answered; SQL that takes further conditions. */
export function liveInvitation(id: string): string {
  return `SELECT i.id FROM ${CLOCK}, invitation i, organization o WHERE i.id = ${id} AND ${LIVE}`
}

/** An invitation to an address that is still to be answered; SQL that takes further conditions. */
export function liveInvitationTo(email: string): string {
  return `SELECT i.id FROM ${CLOCK}, invitation i, organization o WHERE i.email = ${email} AND ${LIVE}`
}
