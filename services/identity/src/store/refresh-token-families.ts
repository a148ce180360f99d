import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const INSERT_FAMILY: Statement = {
  name: 'insert_family',
  text: `INSERT INTO refresh_token_family
      (id, session_id, client_id, code_id, head_key_id, epoch, retry_key_hash, idle_seconds, idle_expires_at,
       absolute_expires_at, scope, resource, org_id)
    SELECT $1::uuid, $2::uuid, $3::text, $4::uuid, $5::text, d.epoch, $6::bytea, $7::integer,
      least(t.now + make_interval(secs => $7::integer), begun.at + make_interval(secs => $8::integer)),
      begun.at + make_interval(secs => $8::integer), $9::text, $10::text, $11::uuid
    FROM (SELECT meridian_now() AS now) t, deployment d,
      LATERAL (SELECT CASE WHEN $12::boolean THEN s.auth_time ELSE t.now END AS at FROM session s
        WHERE s.id = $2::uuid) begun`,
}

export type NewFamily = {
  readonly id: string
  readonly sessionId: string
  readonly clientId: string
  readonly codeId: string
  readonly headKeyId: string
  readonly retryKeyHash: Uint8Array | null
  readonly idleSeconds: number
  readonly absoluteSeconds: number
  /** Whether those seconds began with the sign-in, and not with the redemption of the code. */
  readonly isAbsoluteFromSignIn: boolean
  readonly scope: string
  readonly resource: string | null
  readonly orgId: string | null
}

export async function insertFamily(db: IdentityDb, family: NewFamily): Promise<void> {
  await db.sql(INSERT_FAMILY, [
    family.id,
    family.sessionId,
    family.clientId,
    family.codeId,
    family.headKeyId,
    family.retryKeyHash,
    family.idleSeconds,
    family.absoluteSeconds,
    family.scope,
    family.resource,
    family.orgId,
    family.isAbsoluteFromSignIn,
  ])
}

const LOCK_FAMILY: Statement = {
  name: 'lock_family',
  text: `SELECT f.id::text, f.session_id::text, f.client_id, u.id::text AS user_id, u.email, f.counter, f.head_key_id,
      f.epoch::text, f.scope, f.retry_key_hash, d.epoch::text AS current_epoch,
      extract(epoch FROM t.now - f.rotated_at)::float8 AS seconds_since_rotation,
      f.idle_expires_at <= t.now OR f.absolute_expires_at <= t.now AS expired,
      f.revoked_at IS NOT NULL AS revoked,
      s.revoked_at IS NULL AND u.status = 'active' AND c.status = 'active' AS parties_live
    FROM (SELECT meridian_now() AS now) t, deployment d, refresh_token_family f
      JOIN session s ON s.id = f.session_id
      JOIN user_account u ON u.id = s.user_id
      JOIN client c ON c.id = f.client_id
    WHERE CASE WHEN $2::boolean THEN f.code_id ELSE f.id END = $1::uuid
    FOR UPDATE OF f`,
}

const lockedFamilySchema = z.object({
  id: z.string(),
  session_id: z.string(),
  client_id: z.string(),
  user_id: z.string(),
  email: z.string().nullable(),
  counter: z.number(),
  head_key_id: z.string(),
  epoch: z.string(),
  scope: z.string(),
  retry_key_hash: z.instanceof(Uint8Array).nullable(),
  current_epoch: z.string(),
  seconds_since_rotation: z.number(),
  expired: z.boolean(),
  revoked: z.boolean(),
  parties_live: z.boolean(),
})
export type LockedFamily = z.infer<typeof lockedFamilySchema>

async function lock(db: IdentityDb, id: string, byCode: boolean): Promise<LockedFamily | undefined> {
  const [row] = await db.sql(LOCK_FAMILY, [id, byCode])
  return row === undefined ? undefined : lockedFamilySchema.parse(row)
}

/** Locks the family until the transaction ends and reads it as it is now, with what its life depends on. */
export function lockFamily(db: IdentityDb, familyId: string): Promise<LockedFamily | undefined> {
  return lock(db, familyId, false)
}

export function lockFamilyOfCode(db: IdentityDb, codeId: string): Promise<LockedFamily | undefined> {
  return lock(db, codeId, true)
}

export type FamilyEnd =
  | 'reuse'
  | 'code_replay'
  | 'restored'
  | 'party_gone'
  | 'signed_out'
  | 'first_proof'
  | 'email_changed'

const REVOKE_FAMILY: Statement = {
  name: 'revoke_family',
  text: `UPDATE refresh_token_family SET revoked_at = meridian_now(), revoked_reason = $2::text
    WHERE id = $1::uuid AND revoked_at IS NULL RETURNING id::text`,
}

/** Ends one family and leaves its session alone. */
export async function revokeFamily(db: IdentityDb, familyId: string, reason: FamilyEnd): Promise<void> {
  await db.sql(REVOKE_FAMILY, [familyId, reason])
}

// Families first, as everything else that locks both: what goes on at the same time waits, and does not deadlock.
const REVOKE_SESSION: Statement = {
  name: 'revoke_session',
  text: `WITH held AS MATERIALIZED (
      SELECT id FROM refresh_token_family WHERE session_id = $1::uuid AND revoked_at IS NULL ORDER BY id FOR UPDATE
    ), ended AS (
      UPDATE session SET revoked_at = meridian_now(), revoked_reason = $2::text
      WHERE (SELECT count(*) FROM held) >= 0 AND id = $1::uuid AND revoked_at IS NULL RETURNING id
    ), families AS (
      UPDATE refresh_token_family SET revoked_at = meridian_now(), revoked_reason = $2::text
      WHERE session_id = $1::uuid AND revoked_at IS NULL
    ), codes AS (
      UPDATE authorization_code SET consumed_at = meridian_now() WHERE session_id = $1::uuid AND consumed_at IS NULL
    ), told AS (
      INSERT INTO revocation (kind, subject) SELECT 'session', id::text FROM ended
    )
    SELECT id::text FROM ended`,
}

/** Ends a session with every family and unredeemed code of it, and tells the regions. False where it was over already. */
export async function revokeSession(db: IdentityDb, sessionId: string, reason: FamilyEnd): Promise<boolean> {
  return (await db.sql(REVOKE_SESSION, [sessionId, reason])).length === 1
}
