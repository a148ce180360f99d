import type { Statement } from '@meridian/database/database'
import { sqlStateOf, violatedConstraintOf } from '@meridian/database/sql-state'
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
  text: 'SELECT email, status FROM user_account WHERE id = $1::uuid FOR NO KEY UPDATE',
}

const lockedUserSchema = z.object({ email: z.string().nullable(), status: z.string() })

/** The person as they are now, who changes no more until the transaction ends but by it. */
export async function lockUser(db: IdentityDb, id: string): Promise<z.infer<typeof lockedUserSchema> | undefined> {
  const [row] = await db.sql(LOCK_USER, [id])
  return row === undefined ? undefined : lockedUserSchema.parse(row)
}

/** Whether an address could not be given to a person, because somebody has it or may have it back. */
export function isEmailTaken(error: unknown): boolean {
  if (sqlStateOf(error) !== '23505') return false
  const isHeld = String((error as Error).message).includes('the address is held')
  return isHeld || ['user_account_email_key', 'email'].includes(violatedConstraintOf(error) ?? '')
}

// The lock makes simultaneous bootstraps take turns, so that the count each of them sees is true.
const SYS_ADMIN_LOCK: Statement = {
  name: 'lock_sys_admin_bootstrap',
  text: `SELECT pg_advisory_xact_lock(hashtext('meridian_first_sys_admin'))::text AS locked`,
}

export async function countSysAdminsForUpdate(db: IdentityDb): Promise<number> {
  await db.sql(SYS_ADMIN_LOCK, [])
  return db.prisma.userAccount.count({ where: { platformRole: 'sys_admin', status: { not: 'deleted' } } })
}

export async function appointSysAdmin(db: IdentityDb, userId: string): Promise<void> {
  await db.prisma.userAccount.update({
    where: { id: userId },
    data: { platformRole: 'sys_admin', version: { increment: 1 } },
  })
}
