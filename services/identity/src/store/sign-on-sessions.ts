import type { Statement } from '@meridian/database/database'
import { userIdSchema } from '@meridian/protocol/ids'
import { platformRoleSchema } from '@meridian/protocol/me'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const LIVE = 'so.revoked_at IS NULL AND so.idle_expires_at > t.now AND so.absolute_expires_at > t.now'

const USE_SIGN_ON: Statement = {
  name: 'use_sign_on',
  text: `UPDATE sign_on_session AS so
      SET last_used_at = t.now, idle_expires_at = least(t.now + make_interval(secs => so.idle_seconds), so.absolute_expires_at)
    FROM (SELECT meridian_now() AS now) t, user_account u
    WHERE so.secret_hash = $1::bytea AND ${LIVE} AND u.id = so.user_id AND u.status = 'active' AND u.email IS NOT NULL
    RETURNING so.id::text, u.id::text AS user_id, u.email, u.name, u.platform_role,
      extract(epoch FROM so.auth_time)::float8 AS auth_time, extract(epoch FROM t.now)::float8 AS now`,
}

const signOnSchema = z.object({
  id: z.string(),
  user_id: userIdSchema,
  email: z.string(),
  name: z.string(),
  platform_role: platformRoleSchema.nullable(),
  /** Seconds since the epoch, as `now`; both by the database's clock. */
  auth_time: z.number(),
  now: z.number(),
})
export type SignOn = z.infer<typeof signOnSchema>

/** The live sign-on behind a cookie's secret, whose idle time begins anew; undefined where there is none. */
export async function useSignOn(db: IdentityDb, secretHash: Uint8Array): Promise<SignOn | undefined> {
  const [row] = await db.sql(USE_SIGN_ON, [secretHash])
  return row === undefined ? undefined : signOnSchema.parse(row)
}

export type NewSignOn = {
  readonly id: string
  readonly userId: string
  readonly secretHash: Uint8Array
  /** Authentication method references, RFC 8176. */
  readonly amr: readonly string[]
  readonly ip: string
  readonly userAgent: string
  readonly idleSeconds: number
  readonly absoluteSeconds: number
}

// Signing in again as the same person keeps the sign-on and what hangs on it, under a new secret.
const RENEW_SIGN_ON: Statement = {
  name: 'renew_sign_on',
  text: `UPDATE sign_on_session AS so SET secret_hash = $3::bytea, auth_time = t.now, amr = string_to_array($4::text, ' '),
      ip = $5::text, user_agent = $6::text, last_used_at = t.now, idle_seconds = $7::integer,
      idle_expires_at = t.now + make_interval(secs => least($7::integer, $8::integer)),
      absolute_expires_at = t.now + make_interval(secs => $8::integer)
    FROM (SELECT meridian_now() AS now) t
    WHERE so.secret_hash = $1::bytea AND so.user_id = $2::uuid AND ${LIVE} RETURNING so.id::text`,
}

/** Renews the browser's sign-on if it is this person's. Resolves to its id, or undefined where there was none. */
export async function renewSignOn(
  db: IdentityDb,
  previousSecretHash: Uint8Array,
  signOn: Omit<NewSignOn, 'id'>,
): Promise<string | undefined> {
  const { userId, secretHash, amr, ip, userAgent, idleSeconds, absoluteSeconds } = signOn
  const [row] = await db.sql(RENEW_SIGN_ON, [
    previousSecretHash,
    userId,
    secretHash,
    amr.join(' '),
    ip,
    userAgent,
    idleSeconds,
    absoluteSeconds,
  ])
  return row === undefined ? undefined : z.object({ id: z.string() }).parse(row).id
}

const INSERT_SIGN_ON: Statement = {
  name: 'insert_sign_on',
  text: `INSERT INTO sign_on_session
      (id, user_id, secret_hash, auth_time, amr, ip, user_agent, idle_seconds, idle_expires_at, absolute_expires_at)
    SELECT $1::uuid, $2::uuid, $3::bytea, t.now, string_to_array($4::text, ' '), $5::text, $6::text, $7::integer,
      t.now + make_interval(secs => least($7::integer, $8::integer)), t.now + make_interval(secs => $8::integer)
    FROM (SELECT meridian_now() AS now) t`,
}

export async function insertSignOn(db: IdentityDb, signOn: NewSignOn): Promise<void> {
  const { id, userId, secretHash, amr, ip, userAgent, idleSeconds, absoluteSeconds } = signOn
  await db.sql(INSERT_SIGN_ON, [id, userId, secretHash, amr.join(' '), ip, userAgent, idleSeconds, absoluteSeconds])
}

export type SignOnEnd = 'signed_out' | 'replaced'

const END_SIGN_ON: Statement = {
  name: 'end_sign_on',
  text: `UPDATE sign_on_session SET revoked_at = meridian_now(), revoked_reason = $2::text
    WHERE secret_hash = $1::bytea AND revoked_at IS NULL RETURNING id::text, user_id::text`,
}

const endedSignOnSchema = z.object({ id: z.string(), user_id: z.string() })

/** Ends the sign-on alone; its clients' sessions live on. Undefined where it was over. */
export async function endSignOn(
  db: IdentityDb,
  secretHash: Uint8Array,
  reason: SignOnEnd,
): Promise<z.infer<typeof endedSignOnSchema> | undefined> {
  const [row] = await db.sql(END_SIGN_ON, [secretHash, reason])
  return row === undefined ? undefined : endedSignOnSchema.parse(row)
}

// One live session a client and sign-in: a later sign-in makes another, so that it lifts nothing that was given before.
// The lock makes a sign-out wait, and a sign-out that came first leaves nothing to join.
const JOIN_SIGN_ON: Statement = {
  name: 'join_sign_on',
  text: `WITH so AS (
      SELECT so.id, so.user_id, so.auth_time, so.amr FROM sign_on_session so, (SELECT meridian_now() AS now) t
      WHERE so.id = $1::uuid AND ${LIVE} FOR SHARE OF so
    )
    INSERT INTO session AS s (id, user_id, client_id, auth_time, amr, ip, user_agent, sign_on_id)
    SELECT $2::uuid, so.user_id, $3::text, so.auth_time, so.amr, $4::text, $5::text, so.id FROM so
    ON CONFLICT (sign_on_id, client_id, auth_time) WHERE revoked_at IS NULL AND sign_on_id IS NOT NULL
      DO UPDATE SET amr = excluded.amr
    RETURNING s.id::text, s.id = $2::uuid AS is_new`,
}

/** The client's session of this sign-in, made where there is none; undefined where the sign-on is over. */
export async function joinSignOn(
  db: IdentityDb,
  signOnId: string,
  session: { id: string; clientId: string; ip: string; userAgent: string },
): Promise<{ id: string; is_new: boolean } | undefined> {
  const { id, clientId, ip, userAgent } = session
  const [row] = await db.sql(JOIN_SIGN_ON, [signOnId, id, clientId, ip, userAgent])
  return row === undefined ? undefined : z.object({ id: z.string(), is_new: z.boolean() }).parse(row)
}

const LIST_SESSIONS_OF_SIGN_ON: Statement = {
  name: 'list_sessions_of_sign_on',
  text: 'SELECT id::text, client_id FROM session WHERE sign_on_id = $1::uuid AND revoked_at IS NULL',
}

export async function listSessionsOfSignOn(
  db: IdentityDb,
  signOnId: string,
): Promise<readonly { id: string; client_id: string }[]> {
  const rows = await db.sql(LIST_SESSIONS_OF_SIGN_ON, [signOnId])
  return rows.map((row) => z.object({ id: z.string(), client_id: z.string() }).parse(row))
}

const IS_SESSION_OF_SIGN_ON: Statement = {
  name: 'is_session_of_sign_on',
  text: 'SELECT id::text FROM session WHERE id::text = $1::text AND sign_on_id = $2::uuid',
}

export async function isSessionOfSignOn(db: IdentityDb, sessionId: string, signOnId: string): Promise<boolean> {
  return (await db.sql(IS_SESSION_OF_SIGN_ON, [sessionId, signOnId])).length === 1
}
