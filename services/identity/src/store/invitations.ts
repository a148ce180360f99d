// Invitations as managers make them. Whoever writes holds the organization's row, so that its number of pending ones
// is true when it is counted. What the invited person does is invitation-answers.ts.
import type { Statement } from '@meridian/database/database'
import { invitationIdSchema, regionCodeSchema, userIdSchema } from '@meridian/protocol/ids'
import { invitationStatusSchema } from '@meridian/protocol/invitations'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import { CLOCK, IS_VOUCHED_FOR } from './invitation-answers.ts'
import type { IdentityDb } from './open-store.ts'

export type GivenRole = { readonly region: string; readonly role: string }

/** `in member us viewer`, as parameters of statements carry it. */
const listOf = (roles: readonly GivenRole[]) => JSON.stringify(roles)
const ROLES = (parameter: string) => `jsonb_to_recordset(${parameter}::text::jsonb) AS g(region text, role text)`

const HOLDS_ROLES: Statement = {
  name: 'holds_roles',
  text: `SELECT count(*) FILTER (WHERE m.id IS NULL) = 0 AS held
    FROM ${ROLES('$3')} LEFT JOIN (membership m JOIN user_account u ON u.id = m.user_id AND u.email = $2::text)
      ON m.org_id = $1::uuid AND m.region = g.region AND m.role = g.role AND m.status = 'active'`,
}

/** Whether the address is an active member's, who has each of these roles already. */
export async function holdsRoles(
  db: IdentityDb,
  orgId: string,
  email: string,
  roles: readonly GivenRole[],
): Promise<boolean> {
  const [row] = await db.sql(HOLDS_ROLES, [orgId, email, listOf(roles)])
  return z.object({ held: z.boolean() }).parse(row).held
}

// A dead role would keep the address from saying yes to the others. One with none but dead ones gives way to a new one
// and keeps them, so that those who manage their regions still see what became of it.
const DROP_DEAD_ROLES: Statement = {
  name: 'drop_dead_invitation_roles',
  text: `WITH i AS (SELECT id, org_id FROM invitation
      WHERE org_id = $1::uuid AND email = $2::text AND status = 'pending'),
    roles AS (SELECT r.*, r.given_at > t.now - make_interval(secs => $3::integer) AND ${IS_VOUCHED_FOR} AS is_live
      FROM ${CLOCK}, i JOIN invitation_role r ON r.invitation_id = i.id),
    rest AS (SELECT min(given_at) FILTER (WHERE is_live) AS given_at FROM roles),
    dropped AS (DELETE FROM invitation_role d USING roles x, rest
      WHERE rest.given_at IS NOT NULL AND NOT x.is_live AND d.invitation_id = x.invitation_id AND d.region = x.region)
    UPDATE invitation v SET status = CASE WHEN rest.given_at IS NULL THEN 'revoked' ELSE v.status END,
      settled_at = CASE WHEN rest.given_at IS NULL THEN t.now END,
      expires_at = coalesce(rest.given_at + make_interval(secs => $3::integer), v.expires_at)
    FROM ${CLOCK}, i, rest WHERE v.id = i.id`,
}

/**
 * Takes out of the pending invitation to the address what can be accepted no more: roles that are older than an
 * invitation's life, or that whoever gave them could not give now.
 */
export async function dropDeadRoles(db: IdentityDb, orgId: string, email: string, ttlSeconds: number): Promise<void> {
  await db.sql(DROP_DEAD_ROLES, [orgId, email, ttlSeconds])
}

// Those that were taken back count for the day too: each was a mail to somebody.
const COUNT: Statement = {
  name: 'count_invitations',
  text: `SELECT count(*) FILTER (WHERE is_pending)::integer AS pending, count(*) FILTER (WHERE is_new)::integer AS new,
      coalesce(bool_or(is_pending AND is_this), false) AS is_pending,
      coalesce(bool_or(is_pending AND is_this AND is_new), false) AS is_new
    FROM (SELECT email = $2::text AS is_this, status = 'pending' AND expires_at > t.now AS is_pending,
        last_sent_at > t.now - interval '1 day' AS is_new
      FROM ${CLOCK}, invitation WHERE org_id = $1::uuid) i`,
}

const countsSchema = z.object({ pending: z.number(), new: z.number(), is_pending: z.boolean(), is_new: z.boolean() })
/**
 * How many invitations of the organization wait, and how many were mailed within a day; and whether the one that waits
 * for this address is among them.
 */
export type InvitationCounts = z.infer<typeof countsSchema>

export async function countInvitations(db: IdentityDb, orgId: string, email: string): Promise<InvitationCounts> {
  const [row] = await db.sql(COUNT, [orgId, email])
  return countsSchema.parse(row)
}

const GIVE_ROLES = `INSERT INTO invitation_role (invitation_id, region, role, invited_by, given_at)
    SELECT i.id, g.region, g.role, $4::uuid, meridian_now() FROM i, ${ROLES('$5')}
    ON CONFLICT (invitation_id, region) DO UPDATE
      SET role = excluded.role, invited_by = excluded.invited_by, given_at = excluded.given_at`

// A mail is due where none went out lately; `last_sent_at` moves with it. The row that it was is seen by `before`. It
// expires with the oldest of its roles: nobody lengthens what another has given.
const INVITE: Statement = {
  name: 'invite',
  text: `WITH before AS (SELECT last_sent_at FROM invitation
      WHERE org_id = $2::uuid AND email = $3::text AND status = 'pending'),
    due AS (SELECT NOT EXISTS (SELECT FROM before
      WHERE last_sent_at > meridian_now() - make_interval(secs => $7::integer)) AS yes),
    i AS (
      INSERT INTO invitation AS x (id, org_id, email, invited_by, expires_at)
      VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid, meridian_now() + make_interval(secs => $6::integer))
      ON CONFLICT (org_id, email) WHERE status = 'pending' DO UPDATE SET
        expires_at = make_interval(secs => $6::integer) + least(meridian_now(), (SELECT min(r.given_at)
          FROM invitation_role r WHERE r.invitation_id = x.id AND r.region NOT IN (SELECT g.region FROM ${ROLES('$5')}))),
        sends = x.sends + (SELECT yes FROM due)::integer,
        last_sent_at = CASE WHEN (SELECT yes FROM due) THEN meridian_now() ELSE x.last_sent_at END
      RETURNING id),
    given AS (${GIVE_ROLES})
    SELECT i.id::text, due.yes AS mail_is_due FROM i, due`,
}

const invitedSchema = z.object({ id: invitationIdSchema, mail_is_due: z.boolean() })
export type Invited = z.infer<typeof invitedSchema>

export type NewInvitation = {
  readonly id: string
  readonly orgId: string
  readonly email: string
  readonly invitedBy: string
  readonly roles: readonly GivenRole[]
  readonly ttlSeconds: number
  readonly resendSeconds: number
}

/** Makes the invitation, or gives these roles too in the one that is pending. */
export async function invite(db: IdentityDb, invitation: NewInvitation): Promise<Invited> {
  const { id, orgId, email, invitedBy, roles, ttlSeconds, resendSeconds } = invitation
  const [row] = await db.sql(INVITE, [id, orgId, email, invitedBy, listOf(roles), ttlSeconds, resendSeconds])
  return invitedSchema.parse(row)
}

// Of its roles, of who gave them and of when, those who read see what is of their regions.
const COLUMNS = `i.id::text, i.email, seen.invited_by::text,
  CASE WHEN i.status = 'pending' AND i.expires_at <= t.now THEN 'expired' ELSE i.status END AS status,
  extract(epoch FROM seen.given_at)::float8 AS created_at, extract(epoch FROM i.expires_at)::float8 AS expires_at,
  extract(epoch FROM i.last_sent_at)::float8 AS last_sent_at, seen.roles`
/** What it gives in these regions, with the newest giver; no row for one that gives nothing there. */
const SEEN = `LATERAL (SELECT max(r.given_at) AS given_at,
    (array_agg(r.invited_by ORDER BY r.given_at DESC, r.region))[1] AS invited_by,
    jsonb_agg(jsonb_build_object('region', r.region, 'role', r.role) ORDER BY r.region) AS roles
  FROM invitation_role r WHERE r.invitation_id = i.id AND r.region = ANY (string_to_array($2::text, ' '))
  HAVING count(*) > 0) seen`

const rowSchema = z.object({
  id: invitationIdSchema,
  email: z.string(),
  invited_by: userIdSchema,
  status: invitationStatusSchema,
  /** Seconds since the epoch, as the others. */
  created_at: z.number(),
  expires_at: z.number(),
  last_sent_at: z.number(),
  roles: z.array(z.object({ region: regionCodeSchema, role: roleSchema })),
})
export type InvitationRow = z.infer<typeof rowSchema>

const LIST: Statement = {
  name: 'list_invitations',
  text: `SELECT * FROM (SELECT ${COLUMNS} FROM ${CLOCK}, invitation i, ${SEEN}
      WHERE i.org_id = $1::uuid AND ($4::uuid IS NULL OR i.id > $4::uuid)) found
    WHERE $3::text IS NULL OR status = $3::text
    ORDER BY id::uuid LIMIT $5::integer`,
}

export async function listInvitations(
  db: IdentityDb,
  orgId: string,
  filter: { regions: readonly string[]; status: string | undefined; after: string | undefined; limit: number },
): Promise<readonly InvitationRow[]> {
  const { regions, status = null, after = null, limit } = filter
  const rows = await db.sql(LIST, [orgId, regions.join(' '), status, after, limit])
  return rows.map((row) => rowSchema.parse(row))
}

const FIND: Statement = {
  name: 'find_invitation',
  text: `SELECT ${COLUMNS} FROM ${CLOCK}, invitation i, ${SEEN}
    WHERE i.org_id = $1::uuid AND i.id = $3::uuid`,
}

/** An invitation of the organization to one of these regions at least. */
export async function findInvitation(
  db: IdentityDb,
  orgId: string,
  regions: readonly string[],
  id: string,
): Promise<InvitationRow | undefined> {
  const [row] = await db.sql(FIND, [orgId, regions.join(' '), id])
  return row === undefined ? undefined : rowSchema.parse(row)
}

// Of its roles, those in other regions stay with whoever gave them.
const REVOKE: Statement = {
  name: 'revoke_invitation',
  text: `WITH rest AS (SELECT count(*) AS number FROM invitation_role
      WHERE invitation_id = $1::uuid AND region <> ALL (string_to_array($2::text, ' '))),
    taken AS (DELETE FROM invitation_role USING rest
      WHERE rest.number > 0 AND invitation_id = $1::uuid AND region = ANY (string_to_array($2::text, ' ')))
    UPDATE invitation SET status = CASE WHEN rest.number = 0 THEN 'revoked' ELSE status END,
      settled_at = CASE WHEN rest.number = 0 THEN meridian_now() END
    FROM rest WHERE id = $1::uuid AND status = 'pending' RETURNING id::text`,
}

/** Takes back what an invitation gives in these regions; where nothing is left, the invitation itself. */
export async function revokeInvitation(db: IdentityDb, id: string, regions: readonly string[]): Promise<boolean> {
  return (await db.sql(REVOKE, [id, regions.join(' ')])).length === 1
}
