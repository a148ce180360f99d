import type { Statement } from '@meridian/database/database'
import { sqlStateOf, violatedConstraintOf } from '@meridian/database/sql-state'
import { platformRoleSchema } from '@meridian/protocol/me'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

export type User = {
  readonly id: string
  readonly email: string | null
  readonly name: string
  readonly status: string
  readonly platformRole: string | null
}

const COLUMNS = { id: true, email: true, name: true, status: true, platformRole: true } as const

export function findUserById(db: IdentityDb, id: string): Promise<User | null> {
  return db.prisma.userAccount.findFirst({ where: { id }, select: COLUMNS })
}

export function findUserByEmail(db: IdentityDb, email: string): Promise<User | null> {
  return db.prisma.userAccount.findFirst({ where: { email }, select: COLUMNS })
}

const INSERT_USER: Statement = {
  name: 'insert_user_if_absent',
  text: `INSERT INTO user_account (id, email, name)
    SELECT $1::uuid, $2::text, $3::text WHERE NOT is_email_held($2::text, $1::uuid)
    ON CONFLICT (email) DO NOTHING RETURNING id::text`,
}

/**
 * Adds a person with this verified address unless there is one, or whoever gave it up lately may still have it back.
 * Resolves to whether it did.
 */
export async function insertUserIfAbsent(
  db: IdentityDb,
  user: { id: string; email: string; name: string },
): Promise<boolean> {
  return (await db.sql(INSERT_USER, [user.id, user.email, user.name])).length === 1
}

const LOCK_USER: Statement = {
  name: 'lock_user',
  text: 'SELECT email, status, platform_role, version FROM user_account WHERE id = $1::uuid FOR NO KEY UPDATE',
}

const lockedUserSchema = z.object({
  email: z.string().nullable(),
  status: z.enum(['active', 'disabled', 'deleted']),
  platform_role: platformRoleSchema.nullable(),
  version: z.number(),
})

/** The person as they are now, who changes no more until the transaction ends but by it. */
export async function lockUser(db: IdentityDb, id: string): Promise<z.infer<typeof lockedUserSchema> | undefined> {
  const [row] = await db.sql(LOCK_USER, [id])
  return row === undefined ? undefined : lockedUserSchema.parse(row)
}

const RENAME_USER: Statement = {
  name: 'rename_user',
  text: `UPDATE user_account SET name = $2::text WHERE id = $1::uuid AND status = 'active'
      AND ($3::text IS NULL OR version = ANY (string_to_array($3::text, ' ')::integer[]))
    RETURNING version`,
}

/** Resolves to the version that it has now; undefined where it is not what was expected, or not active. */
export async function renameUser(
  db: IdentityDb,
  id: string,
  name: string,
  expected: ExpectedVersions,
): Promise<number | undefined> {
  const [row] = await db.sql(RENAME_USER, [id, name, expected === 'any' ? null : expected.join(' ')])
  return row === undefined ? undefined : z.object({ version: z.number() }).parse(row).version
}

const SET_USER_STATUS: Statement = {
  name: 'set_user_status',
  text: `UPDATE user_account SET status = $2::text, disabled_at = CASE $2::text WHEN 'disabled' THEN meridian_now() END
    WHERE id = $1::uuid AND status <> 'deleted' AND status <> $2::text`,
}

/** Throws where an organization would lose its last active manager, or the platform its last active sys-admin. */
export async function setUserStatus(db: IdentityDb, id: string, status: 'active' | 'disabled'): Promise<void> {
  await db.sql(SET_USER_STATUS, [id, status])
}

/** Whether an address could not be given to a person, because somebody has it or may have it back. */
export function isEmailTaken(error: unknown): boolean {
  if (sqlStateOf(error) !== '23505') return false
  const isHeld = String((error as Error).message).includes('the address is held')
  return isHeld || ['user_account_email_key', 'email'].includes(violatedConstraintOf(error) ?? '')
}
