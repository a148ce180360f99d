import type { Statement } from '@meridian/database/database'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, sessionIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const MAX_SESSIONS = 200

// Live is what can still act: by a refresh token, by a code that is under way, or by an access token that the last
// rotation gave out. A session that a reused token ended is shown for a month, so that its owner learns of it.
const LIST_SESSIONS: Statement = {
  name: 'list_sessions',
  text: `SELECT s.id::text, s.client_id, c.name AS client_name, s.user_agent, s.ip, s.revoked_reason AS ended_reason,
      extract(epoch FROM s.created_at)::float8 AS created_at, extract(epoch FROM s.auth_time)::float8 AS auth_time,
      extract(epoch FROM greatest(s.created_at, f.rotated_at))::float8 AS last_used_at,
      extract(epoch FROM s.revoked_at)::float8 AS ended_at,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('id', o.id, 'name', o.name, 'slug', o.slug, 'region', k.region,
          'first_used_at', extract(epoch FROM k.first_used_at)::float8) ORDER BY k.first_used_at, o.id, k.region), '[]')
        FROM session_context k JOIN organization o ON o.id = k.org_id WHERE k.session_id = s.id) AS contexts
    FROM (SELECT meridian_now() AS now, epoch FROM deployment) t
      CROSS JOIN session s
      JOIN client c ON c.id = s.client_id
      CROSS JOIN LATERAL (
        SELECT max(f.rotated_at) AS rotated_at, coalesce(bool_or(f.revoked_at IS NULL AND f.idle_expires_at > t.now
          AND f.absolute_expires_at > t.now AND f.epoch = t.epoch), false) AS refreshable
        FROM refresh_token_family f WHERE f.session_id = s.id) f
    WHERE s.user_id = $1::uuid AND (
      s.revoked_at IS NULL AND (s.id = $2::uuid OR c.status = 'active' AND (f.refreshable
        OR f.rotated_at > t.now - make_interval(secs => $3::integer)
        OR EXISTS (SELECT FROM authorization_code a
          WHERE a.session_id = s.id AND a.consumed_at IS NULL AND a.expires_at > t.now)))
      OR s.revoked_reason = 'reuse' AND s.revoked_at > t.now - interval '30 days')
    ORDER BY s.id = $2::uuid DESC, greatest(s.created_at, f.rotated_at) DESC, s.id
    LIMIT ${MAX_SESSIONS}`,
}

const rowSchema = z.object({
  id: sessionIdSchema,
  client_id: z.string(),
  client_name: z.string(),
  user_agent: z.string(),
  ip: z.string(),
  /** Seconds since the epoch, as the other times. */
  created_at: z.number(),
  auth_time: z.number(),
  last_used_at: z.number(),
  ended_at: z.number().nullable(),
  ended_reason: z.enum(['reuse']).nullable(),
  contexts: z.array(
    z.object({
      id: orgIdSchema,
      name: z.string(),
      slug: orgSlugSchema,
      region: regionCodeSchema,
      first_used_at: z.number(),
    }),
  ),
})
export type SessionRow = z.infer<typeof rowSchema>

/** The live sessions of a person and those that a reused token ended lately; the current one first. */
export async function listSessions(
  db: IdentityDb,
  person: { userId: string; sessionId: string },
  accessTokenTtlSeconds: number,
): Promise<readonly SessionRow[]> {
  const rows = await db.sql(LIST_SESSIONS, [person.userId, person.sessionId, accessTokenTtlSeconds])
  return rows.map((row) => rowSchema.parse(row))
}
