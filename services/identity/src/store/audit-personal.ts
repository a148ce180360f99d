import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

const DELETE_OF_USER: Statement = {
  name: 'delete_audit_personal_of_user',
  text: 'DELETE FROM audit_personal WHERE user_id = $1::uuid RETURNING 1 AS gone',
}

/** Resolves to how many there were. */
export async function deletePersonalDetails(db: IdentityDb, userId: string): Promise<number> {
  return (await db.sql(DELETE_OF_USER, [userId])).length
}
