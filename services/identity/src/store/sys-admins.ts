// Who administers the platform. The last active one is kept by the database (refuse_loss_of_last_sys_admin).
import type { Statement } from '@meridian/database/database'
import { sqlStateOf } from '@meridian/database/sql-state'
import { userIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// The lock makes simultaneous bootstraps take turns, so that the count each of them sees is true.
const SYS_ADMIN_LOCK: Statement = {
  name: 'lock_sys_admin_bootstrap',
  text: `SELECT pg_advisory_xact_lock(hashtext('meridian_first_sys_admin'))::text AS locked`,
}

export async function countSysAdminsForUpdate(db: IdentityDb): Promise<number> {
  await db.sql(SYS_ADMIN_LOCK, [])
  return db.prisma.userAccount.count({ where: { platformRole: 'sys_admin', status: { not: 'deleted' } } })
}

const APPOINT: Statement = {
  name: 'appoint_sys_admin',
  text: `UPDATE user_account SET platform_role = 'sys_admin'
    WHERE id = $1::uuid AND platform_role IS NULL AND status = 'active' RETURNING id::text`,
}

/** Resolves to whether they became one now. Throws where they have a membership (isMembershipOfSysAdmin). */
export async function appointSysAdmin(db: IdentityDb, userId: string): Promise<boolean> {
  return (await db.sql(APPOINT, [userId])).length === 1
}

const DISMISS: Statement = {
  name: 'dismiss_sys_admin',
  text: `UPDATE user_account SET platform_role = NULL
    WHERE id = $1::uuid AND platform_role = 'sys_admin' RETURNING id::text`,
}

/** Resolves to whether they were one. Throws where nobody would be left (isLossOfLastSysAdmin). */
export async function dismissSysAdmin(db: IdentityDb, userId: string): Promise<boolean> {
  return (await db.sql(DISMISS, [userId])).length === 1
}

export function isLossOfLastSysAdmin(error: unknown): boolean {
  return sqlStateOf(error) === '23514' && String((error as Error).message).includes('keeps an active sys-admin')
}

const COLUMNS = `id::text, email, name, status, extract(epoch FROM created_at)::float8 AS created_at`
const LIST_SYS_ADMINS: Statement = {
  name: 'list_sys_admins',
  text: `SELECT ${COLUMNS} FROM user_account
    WHERE platform_role = 'sys_admin' AND ($1::uuid IS NULL OR id > $1::uuid) ORDER BY id LIMIT $2::integer`,
}
const FIND_SYS_ADMIN: Statement = {
  name: 'find_sys_admin',
  text: `SELECT ${COLUMNS} FROM user_account WHERE id = $1::uuid AND platform_role = 'sys_admin'`,
}

const sysAdminRowSchema = z.object({
  id: userIdSchema,
  email: z.string().nullable(),
  name: z.string(),
  status: z.enum(['active', 'disabled']),
  /** Seconds since the epoch. */
  created_at: z.number(),
})
export type SysAdminRow = z.infer<typeof sysAdminRowSchema>

export async function listSysAdmins(
  db: IdentityDb,
  after: string | undefined,
  limit: number,
): Promise<readonly SysAdminRow[]> {
  const rows = await db.sql(LIST_SYS_ADMINS, [after ?? null, limit])
  return rows.map((row) => sysAdminRowSchema.parse(row))
}

export async function findSysAdmin(db: IdentityDb, id: string): Promise<SysAdminRow | undefined> {
  const [row] = await db.sql(FIND_SYS_ADMIN, [id])
  return row === undefined ? undefined : sysAdminRowSchema.parse(row)
}

const LIST_ADDRESSES: Statement = {
  name: 'list_addresses_of_sys_admins',
  text: `SELECT email FROM user_account
    WHERE platform_role = 'sys_admin' AND status = 'active' AND email IS NOT NULL ORDER BY id`,
}

export async function listAddressesOfSysAdmins(db: IdentityDb): Promise<readonly string[]> {
  const rows = await db.sql(LIST_ADDRESSES, [])
  return rows.map((row) => z.object({ email: z.string() }).parse(row).email)
}

const LOCK_SYS_ADMINS: Statement = {
  name: 'lock_sys_admins',
  text: `SELECT id::text, status = 'active' AND platform_role IS NOT DISTINCT FROM 'sys_admin' AS acts FROM user_account
    WHERE id = ANY (string_to_array($1::text, ' ')::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
}

/** Locks these people, in the order of their ids; resolves to those of them who are sys-admins and may act. */
export async function lockSysAdmins(db: IdentityDb, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await db.sql(LOCK_SYS_ADMINS, [ids.join(' ')])
  const locked = rows.map((row) => z.object({ id: z.string(), acts: z.boolean() }).parse(row))
  return locked.filter(({ acts }) => acts).map(({ id }) => id)
}
