import type { Statement } from '@meridian/database/database'
import { userIdSchema } from '@meridian/protocol/ids'
import { platformRoleSchema } from '@meridian/protocol/me'
import { userSchema, userStatusSchema } from '@meridian/protocol/users'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// One statement, found or not. Some have belonged to thousands of organizations: the newest hundred are shown.
const FIND_USER: Statement = {
  name: 'find_user_for_look_up',
  text: `SELECT u.id::text, u.status, u.platform_role, u.version, extract(epoch FROM u.created_at)::float8 AS created_at,
      extract(epoch FROM u.disabled_at)::float8 AS disabled_at, extract(epoch FROM u.deleted_at)::float8 AS deleted_at,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('org', jsonb_build_object('id', o.id, 'slug', o.slug, 'status', o.status),
          'region', m.region, 'status', m.status) ORDER BY m.id DESC), '[]')
        FROM (SELECT * FROM membership WHERE user_id = u.id ORDER BY id DESC LIMIT 100) m
        JOIN organization o ON o.id = m.org_id) AS memberships,
      (SELECT count(*) FROM erasure_order e WHERE e.kind = 'user' AND e.subject_id = u.id)::integer AS ordered,
      (SELECT count(e.acknowledged_at) FROM erasure_order e WHERE e.kind = 'user' AND e.subject_id = u.id)::integer
        AS acknowledged
    FROM user_account u WHERE u.id = $1::uuid OR u.email = $2::text`,
}

const rowSchema = z.object({
  id: userIdSchema,
  status: userStatusSchema,
  platform_role: platformRoleSchema.nullable(),
  version: z.number(),
  /** Seconds since the epoch, as the other times. */
  created_at: z.number(),
  disabled_at: z.number().nullable(),
  deleted_at: z.number().nullable(),
  memberships: userSchema.shape.memberships,
  ordered: z.number(),
  acknowledged: z.number(),
})
export type UserRow = z.infer<typeof rowSchema>

export async function findUser(
  db: IdentityDb,
  by: { readonly email: string } | { readonly id: string },
): Promise<UserRow | undefined> {
  const [row] = await db.sql(FIND_USER, 'email' in by ? [null, by.email] : [by.id, null])
  return row === undefined ? undefined : rowSchema.parse(row)
}
