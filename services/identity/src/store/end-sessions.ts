import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

/** Which of a person's sessions: one, all but one, or (null) all. */
export type WhichSessions =
  | { readonly only: string; readonly except: null }
  | { readonly only: null; readonly except: string | null }

export const ALL_SESSIONS: WhichSessions = { only: null, except: null }

// A browser that is signing in holds its sign-on's row (FOR SHARE) until its new session is there. This waits for it,
// and the statement after it sees that session: nothing slips in between.
const END_SIGN_ONS: Statement = {
  name: 'end_sign_ons_of_sessions',
  text: `UPDATE sign_on_session so SET revoked_at = meridian_now(), revoked_reason = $4::text
    WHERE so.user_id = $1::uuid AND so.revoked_at IS NULL AND CASE
      WHEN $2::uuid IS NOT NULL THEN so.id IN (
        SELECT s.sign_on_id FROM session s WHERE s.id = $2::uuid AND s.user_id = $1::uuid AND s.revoked_at IS NULL)
      ELSE so.id IS DISTINCT FROM (SELECT s.sign_on_id FROM session s WHERE s.id = $3::uuid) END`,
}

// Families first, as everything else that locks both: a refresh under way is waited for, not deadlocked with.
const END_SESSIONS: Statement = {
  name: 'end_sessions',
  text: `WITH held AS MATERIALIZED (
      SELECT f.id FROM refresh_token_family f JOIN session s ON s.id = f.session_id
      WHERE s.user_id = $1::uuid AND s.revoked_at IS NULL AND f.revoked_at IS NULL
        AND ($2::uuid IS NULL OR s.id = $2::uuid) AND s.id IS DISTINCT FROM $3::uuid
      ORDER BY f.id FOR UPDATE OF f
    ), ended AS (
      UPDATE session s SET revoked_at = meridian_now(), revoked_reason = $4::text
      WHERE (SELECT count(*) FROM held) >= 0 AND s.user_id = $1::uuid AND s.revoked_at IS NULL
        AND ($2::uuid IS NULL OR s.id = $2::uuid) AND s.id IS DISTINCT FROM $3::uuid
      RETURNING s.id
    ), families AS (
      UPDATE refresh_token_family f SET revoked_at = meridian_now(), revoked_reason = $4::text
      FROM ended WHERE f.session_id = ended.id AND f.revoked_at IS NULL
    ), codes AS (
      UPDATE authorization_code a SET consumed_at = meridian_now()
      FROM ended WHERE a.session_id = ended.id AND a.consumed_at IS NULL
    ), told AS (
      INSERT INTO revocation (kind, subject) SELECT 'session', id::text FROM ended
    )
    SELECT id::text FROM ended`,
}

const endedSchema = z.object({ id: z.string() })

/**
 * Ends sessions of a person with their families and codes, and the sign-ons that could bring them back; tells the
 * regions. Needs a transaction. Resolves to the ids of those that lived.
 */
export async function endSessions(
  db: IdentityDb,
  userId: string,
  which: WhichSessions,
  reason: 'signed_out' | 'email_changed' | 'first_proof' | 'party_gone',
): Promise<readonly string[]> {
  const values = [userId, which.only, which.except, reason]
  await db.sql(END_SIGN_ONS, values)
  const rows = await db.sql(END_SESSIONS, values)
  return rows.map((row) => endedSchema.parse(row).id)
}
