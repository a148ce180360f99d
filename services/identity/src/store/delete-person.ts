// A person's deletion, statement by statement: what is in the way of it, what ends, what is erased. What stays, and for
// how long, is README.md's to say.
import type { Statement } from '@meridian/database/database'
import { membershipIdSchema, orgIdSchema, orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { hashesOf, hashesParameter, OWN_INVITATIONS } from './person-contacts.ts'

// In the order of their ids, as whoever locks several; before the memberships, whose triggers lock them one by one.
const LOCK_ORGANIZATIONS: Statement = {
  name: 'lock_organizations_of_person',
  text: `SELECT o.id::text FROM organization o
    WHERE o.id IN (SELECT m.org_id FROM membership m WHERE m.user_id = $1::uuid AND m.status <> 'removed')
    ORDER BY o.id FOR NO KEY UPDATE`,
}

export async function lockOrganizationsOfPerson(db: IdentityDb, userId: string): Promise<void> {
  await db.sql(LOCK_ORGANIZATIONS, [userId])
}

// As has_active_manager would say of the organization without this person. Nobody is made a manager in one that is
// suspended, nor by somebody whose own regions there are all withdrawn.
const LIST_DEPENDING: Statement = {
  name: 'list_organizations_depending_on_person',
  text: `SELECT o.id::text, o.slug, CASE WHEN o.status <> 'suspended' AND EXISTS (SELECT FROM membership m
        JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region JOIN region r ON r.code = m.region
        WHERE m.org_id = o.id AND m.user_id = $1::uuid AND m.role = 'manager' AND m.status = 'active'
          AND x.status = 'active' AND r.status = 'active')
      THEN 'managers' ELSE 'sys_admins' END AS helped_by
    FROM organization o
    WHERE o.status <> 'deleted' AND (o.status <> 'suspended' OR NOT $2::boolean)
      AND EXISTS (SELECT FROM membership m
        WHERE m.org_id = o.id AND m.user_id = $1::uuid AND m.role = 'manager' AND m.status = 'active')
      AND NOT EXISTS (SELECT FROM membership m JOIN user_account u ON u.id = m.user_id
        JOIN organization_region x ON x.org_id = m.org_id AND x.region = m.region JOIN region r ON r.code = m.region
        WHERE m.org_id = o.id AND m.user_id <> $1::uuid AND m.role = 'manager' AND m.status = 'active'
          AND u.status = 'active' AND x.status = 'active' AND r.status = 'active')
    ORDER BY o.slug`,
}

const dependingSchema = z.object({
  id: orgIdSchema,
  slug: orgSlugSchema,
  /** Who can make somebody else a manager there, or let the organization go. */
  helped_by: z.enum(['managers', 'sys_admins']),
})

/** The organizations whose last active manager the person is; a lock is allowed where one is suspended. */
export async function listOrganizationsDependingOn(
  db: IdentityDb,
  userId: string,
  what: 'lock' | 'deletion',
): Promise<readonly z.infer<typeof dependingSchema>[]> {
  const rows = await db.sql(LIST_DEPENDING, [userId, what === 'lock'])
  return rows.map((row) => dependingSchema.parse(row))
}

const FIND_UNDO: Statement = {
  name: 'find_undoable_email_change',
  text: `SELECT extract(epoch FROM max(e.undo_until))::float8 AS until FROM email_change e
    WHERE e.user_id = $1::uuid AND e.committed_at IS NOT NULL AND e.stopped_at IS NULL AND e.undo_until > meridian_now()`,
}

/** Until when a change of the person's address can still be undone, in seconds since the epoch. */
export async function findUndoableUntil(db: IdentityDb, userId: string): Promise<number | undefined> {
  const [row] = await db.sql(FIND_UNDO, [userId])
  return z.object({ until: z.number().nullable() }).parse(row).until ?? undefined
}

const TURN_INTO_TOMBSTONE: Statement = {
  name: 'delete_user_account',
  text: `UPDATE user_account SET status = 'deleted', deleted_at = meridian_now(), email = NULL, phone = NULL, name = '',
      email_verified_at = NULL, disabled_at = NULL, platform_role = NULL
    WHERE id = $1::uuid AND status <> 'deleted'`,
}

/** Leaves the id. Throws where an organization would lose its last active manager, or the platform its last sys-admin. */
export async function turnIntoTombstone(db: IdentityDb, userId: string): Promise<void> {
  await db.sql(TURN_INTO_TOMBSTONE, [userId])
}

const END_MEMBERSHIPS: Statement = {
  name: 'end_memberships_of_person',
  text: `WITH held AS (SELECT id, org_id, region, status FROM membership WHERE user_id = $1::uuid),
    ended AS (
      UPDATE membership SET status = 'removed', display_name = NULL
      WHERE user_id = $1::uuid AND (status <> 'removed' OR display_name IS NOT NULL)
    )
    SELECT id::text, org_id::text, region, status <> 'removed' AS was_held FROM held ORDER BY id`,
}

const endedSchema = z.object({
  id: membershipIdSchema,
  org_id: orgIdSchema,
  region: regionCodeSchema,
  was_held: z.boolean(),
})
export type EndedMembership = z.infer<typeof endedSchema>

/** Every membership there has ever been, and whether it ended now. */
export async function endMemberships(db: IdentityDb, userId: string): Promise<readonly EndedMembership[]> {
  const rows = await db.sql(END_MEMBERSHIPS, [userId])
  return rows.map((row) => endedSchema.parse(row))
}

export type ErasedPerson = {
  readonly id: string
  readonly addresses: readonly string[]
  readonly contactMacs: readonly Uint8Array[]
}

const byId = ({ id }: ErasedPerson) => [id]
const byContact = ({ id, contactMacs }: ErasedPerson) => [id, hashesParameter(contactMacs)]
const byAddress = ({ id, addresses }: ErasedPerson) => [id, addresses.join(' ')]

/** A code that was mailed to a new address names the change that it was for. */
const OF_CONTACTS = `contact_mac IN ${hashesOf('$2')}
  OR id IN (SELECT challenge_id FROM email_change WHERE user_id = $1::uuid)`

/** In this order: an address is found through its changes. */
const ERASURES: readonly (readonly [Statement, (person: ErasedPerson) => readonly unknown[]])[] = [
  [{ name: 'erase_challenges', text: `DELETE FROM otp_challenge WHERE ${OF_CONTACTS}` }, byContact],
  [{ name: 'erase_mails', text: `DELETE FROM mail_outbox WHERE ${OF_CONTACTS}` }, byContact],
  [
    {
      name: 'erase_known_devices',
      text: `DELETE FROM known_device WHERE $1::uuid IS NOT NULL AND contact_mac IN ${hashesOf('$2')}`,
    },
    byContact,
  ],
  [{ name: 'erase_email_changes', text: 'DELETE FROM email_change WHERE user_id = $1::uuid' }, byId],
  [{ name: 'erase_client_contexts', text: 'DELETE FROM client_context WHERE user_id = $1::uuid' }, byId],
  // With their families, codes and contexts.
  [{ name: 'erase_sessions', text: 'DELETE FROM session WHERE user_id = $1::uuid' }, byId],
  [{ name: 'erase_sign_ons', text: 'DELETE FROM sign_on_session WHERE user_id = $1::uuid' }, byId],
  [{ name: 'erase_answers', text: 'DELETE FROM idempotency WHERE strpos(scope, $1::text) > 0' }, byId],
  [
    {
      name: 'erase_invitations',
      text: `UPDATE invitation SET email = '', status = CASE status WHEN 'pending' THEN 'declined' ELSE status END,
          settled_at = coalesce(settled_at, meridian_now())
        WHERE id IN ${OWN_INVITATIONS}`,
    },
    byAddress,
  ],
]

/** Erases what the tables beside the person's own row hold of them. Sessions must have been ended before. */
export async function erasePerson(db: IdentityDb, person: ErasedPerson): Promise<void> {
  for (const [statement, valuesOf] of ERASURES) await db.sql(statement, valuesOf(person))
}
