import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { signedInSchema } from './mint-state.ts'
import type { IdentityDb } from './open-store.ts'

const INSERT_SESSION: Statement = {
  name: 'insert_session',
  text: `INSERT INTO session (id, user_id, client_id, auth_time, amr, ip, user_agent)
    VALUES ($1::uuid, $2::uuid, $3::text, meridian_now(), string_to_array($4::text, ' '), $5::text, $6::text)`,
}

export type NewSession = {
  readonly id: string
  readonly userId: string
  readonly clientId: string
  /** Authentication method references, RFC 8176. */
  readonly amr: readonly string[]
  readonly ip: string
  readonly userAgent: string
}

export async function insertSession(db: IdentityDb, session: NewSession): Promise<void> {
  const { id, userId, clientId, amr, ip, userAgent } = session
  await db.sql(INSERT_SESSION, [id, userId, clientId, amr.join(' '), ip, userAgent])
}

const FIND_SIGNED_IN: Statement = {
  name: 'find_signed_in',
  text: `SELECT u.id::text AS user_id, u.platform_role, s.id::text AS session_id,
      extract(epoch FROM s.auth_time)::float8 AS auth_time, s.amr, extract(epoch FROM t.now)::float8 AS now,
      u.email, u.email_verified_at IS NOT NULL AS email_verified, u.name, u.version
    FROM (SELECT meridian_now() AS now) t, session s, user_account u, client c
    WHERE s.id = $1::uuid AND s.revoked_at IS NULL AND u.id = s.user_id AND u.status = 'active'
      AND c.id = s.client_id AND c.id = $2::text AND c.status = 'active'`,
}

const livePersonSchema = z.object({
  ...signedInSchema.shape,
  email: z.string().nullable(),
  email_verified: z.boolean(),
  name: z.string(),
  version: z.number(),
})
export type LivePerson = z.infer<typeof livePersonSchema>

/** The person behind a session, if session, person and client are all still good. */
export async function findSignedIn(
  db: IdentityDb,
  sessionId: string,
  clientId: string,
): Promise<LivePerson | undefined> {
  const [row] = await db.sql(FIND_SIGNED_IN, [sessionId, clientId])
  return row === undefined ? undefined : livePersonSchema.parse(row)
}

/** The platform role of the person whose session this is. */
export async function findPlatformRoleOfSession(db: IdentityDb, sessionId: string): Promise<string | null> {
  const row = await db.prisma.session.findUnique({
    where: { id: sessionId },
    select: { user: { select: { platformRole: true } } },
  })
  return row?.user.platformRole ?? null
}
