// Memberships as managers see and change them, and as their owners do. Whoever changes one holds the person's row and
// then the organization's; the database itself keeps the last active manager (isLossOfLastManager).
import type { Statement } from '@meridian/database/database'
import { membershipIdSchema, orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from '@meridian/protocol/ids'
import { membershipStatusSchema } from '@meridian/protocol/members'
import { roleSchema } from '@meridian/protocol/roles'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const membershipRow = {
  id: membershipIdSchema,
  region: regionCodeSchema,
  role: roleSchema,
  status: membershipStatusSchema,
  display_name: z.string().nullable(),
  version: z.number(),
}

const MEMBER_COLUMNS = `m.id::text, m.region, m.role, m.status, m.display_name, m.version, u.id::text AS user_id, u.name,
  u.email, extract(epoch FROM m.created_at)::float8 AS created_at, extract(epoch FROM m.changed_at)::float8 AS changed_at`
/** Who was removed, or has deleted their account, is shown to nobody there any more. */
const SHOWN = `u.id = m.user_id AND m.status IN ('active', 'suspended') AND u.status <> 'deleted'`

const memberRowSchema = z.object({
  ...membershipRow,
  user_id: userIdSchema,
  name: z.string(),
  email: z.string().nullable(),
  /** Seconds since the epoch, as the other. */
  created_at: z.number(),
  changed_at: z.number(),
})
export type MemberRow = z.infer<typeof memberRowSchema>

const LIST_MEMBERS: Statement = {
  name: 'list_members',
  text: `SELECT ${MEMBER_COLUMNS} FROM membership m, user_account u
    WHERE m.org_id = $1::uuid AND m.region = ANY (string_to_array($2::text, ' ')) AND ${SHOWN}
      AND ($3::text IS NULL OR m.role = $3::text) AND ($4::text IS NULL OR m.status = $4::text)
      AND ($5::text IS NULL OR strpos(lower(concat_ws(E'\\n', m.display_name, u.name, u.email)), lower($5::text)) > 0)
      AND ($6::uuid IS NULL OR m.id > $6::uuid)
    ORDER BY m.id LIMIT $7::integer`,
}

export type MemberFilter = {
  readonly regions: readonly string[]
  readonly role: string | undefined
  readonly status: string | undefined
  readonly search: string | undefined
  readonly after: string | undefined
  readonly limit: number
}

export async function listMembers(db: IdentityDb, orgId: string, filter: MemberFilter): Promise<readonly MemberRow[]> {
  const { regions, role = null, status = null, search = null, after = null, limit } = filter
  const rows = await db.sql(LIST_MEMBERS, [orgId, regions.join(' '), role, status, search, after, limit])
  return rows.map((row) => memberRowSchema.parse(row))
}

const FIND_MEMBER: Statement = {
  name: 'find_member',
  text: `SELECT ${MEMBER_COLUMNS} FROM membership m, user_account u
    WHERE m.id = $1::uuid AND m.org_id = $2::uuid AND ${SHOWN}`,
}

export async function findMember(db: IdentityDb, id: string, orgId: string): Promise<MemberRow | undefined> {
  const [row] = await db.sql(FIND_MEMBER, [id, orgId])
  return row === undefined ? undefined : memberRowSchema.parse(row)
}

const CHANGE_MEMBERSHIP: Statement = {
  name: 'change_membership',
  text: `UPDATE membership SET role = coalesce($2::text, role), status = coalesce($3::text, status),
      display_name = CASE WHEN $4::boolean THEN $5::text ELSE display_name END
    WHERE id = $1::uuid AND status <> 'removed'
      AND ($6::text IS NULL OR version = ANY (string_to_array($6::text, ' ')::integer[]))
    RETURNING id::text`,
}

export type MembershipChange = {
  readonly role?: string | undefined
  readonly status?: 'active' | 'suspended' | 'removed' | undefined
  /** Left out, it stays. */
  readonly displayName?: string | null | undefined
}

/**
 * Resolves to whether it did: the membership may be of another version, or removed. Throws where the organization would
 * lose its last active manager.
 */
export async function changeMembership(
  db: IdentityDb,
  id: string,
  change: MembershipChange,
  expected: ExpectedVersions,
): Promise<boolean> {
  const { role = null, status = null, displayName } = change
  const versions = expected === 'any' ? null : expected.join(' ')
  const values = [id, role, status, displayName !== undefined, displayName ?? null, versions]
  return (await db.sql(CHANGE_MEMBERSHIP, values)).length === 1
}

const LIST_OWN: Statement = {
  name: 'list_own_memberships',
  text: `SELECT m.id::text, m.region, m.role, m.status, m.display_name, m.version, o.id::text AS org_id, o.slug,
      o.name AS org_name
    FROM membership m JOIN organization o ON o.id = m.org_id
    WHERE m.user_id = $1::uuid AND m.status <> 'removed' AND o.status <> 'deleted'
      AND ($2::uuid IS NULL OR m.id = $2::uuid)
    ORDER BY o.name, o.id, m.region`,
}

const ownRowSchema = z.object({ ...membershipRow, org_id: orgIdSchema, slug: orgSlugSchema, org_name: z.string() })
export type OwnMembershipRow = z.infer<typeof ownRowSchema>

/** A person's memberships, or the one of this id, wherever an organization is not deleted. */
export async function listOwnMemberships(
  db: IdentityDb,
  userId: string,
  id?: string,
): Promise<readonly OwnMembershipRow[]> {
  const rows = await db.sql(LIST_OWN, [userId, id ?? null])
  return rows.map((row) => ownRowSchema.parse(row))
}

const TAKE_UP: Statement = {
  name: 'take_up_membership',
  text: `INSERT INTO membership AS m (id, user_id, org_id, region, role)
    VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text)
    ON CONFLICT (user_id, org_id, region) DO UPDATE SET role = excluded.role, status = 'active'
    RETURNING m.id::text`,
}

/**
 * Makes the person an active member there with this role, whatever they were before; resolves to the membership's id.
 * Throws for a sys-admin, and where the organization would lose its last active manager.
 */
export async function takeUpMembership(
  db: IdentityDb,
  membership: { id: string; userId: string; orgId: string; region: string; role: string },
): Promise<string> {
  const { id, userId, orgId, region, role } = membership
  const [row] = await db.sql(TAKE_UP, [id, userId, orgId, region, role])
  return z.object({ id: z.string() }).parse(row).id
}
