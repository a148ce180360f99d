import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const BATCH_SESSIONS = 500
const SEEN_SESSIONS = 5000
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/** Those of these clients (null: of all) that are marked deleted. */
export async function listDeletedClientIds(db: IdentityDb, among: readonly string[] | null): Promise<string[]> {
  const where = { status: 'deleted', ...(among === null ? {} : { id: { in: [...among] } }) }
  const rows = await db.prisma.client.findMany({ where, select: { id: true } })
  return rows.map((row) => row.id)
}

// Walks the sessions by their ids, so that a statement's work is bounded however many there are and whose they are.
// Families first, as everything else that locks both: a refresh under way is waited for, not deadlocked with.
const END_SOME_SESSIONS: Statement = {
  name: 'end_some_sessions_of_deleted_clients',
  text: `WITH seen AS MATERIALIZED (
      SELECT id, client_id, revoked_at FROM session WHERE id > $2::uuid ORDER BY id LIMIT ${SEEN_SESSIONS}
    ), picked AS MATERIALIZED (
      SELECT seen.id FROM seen JOIN client c ON c.id = seen.client_id
      WHERE c.id = ANY($1::text[]) AND c.status = 'deleted' AND seen.revoked_at IS NULL
      ORDER BY seen.id LIMIT ${BATCH_SESSIONS}
    ), held AS MATERIALIZED (
      SELECT f.id FROM refresh_token_family f JOIN picked ON picked.id = f.session_id
      WHERE f.revoked_at IS NULL ORDER BY f.id FOR UPDATE OF f
    ), ended AS (
      UPDATE session s SET revoked_at = meridian_now(), revoked_reason = 'party_gone'
      FROM picked WHERE (SELECT count(*) FROM held) >= 0 AND s.id = picked.id AND s.revoked_at IS NULL RETURNING s.id
    ), families AS (
      UPDATE refresh_token_family f SET revoked_at = meridian_now(), revoked_reason = 'party_gone'
      FROM ended WHERE f.session_id = ended.id AND f.revoked_at IS NULL
    ), codes AS (
      UPDATE authorization_code a SET consumed_at = meridian_now()
      FROM ended WHERE a.session_id = ended.id AND a.consumed_at IS NULL AND a.expires_at > meridian_now()
    ), told AS (
      INSERT INTO revocation (kind, subject) SELECT 'session', id::text FROM ended
    )
    SELECT CASE
      WHEN (SELECT count(*) FROM picked) = ${BATCH_SESSIONS} THEN (SELECT id FROM picked ORDER BY id DESC LIMIT 1)
      WHEN (SELECT count(*) FROM seen) = ${SEEN_SESSIONS} THEN (SELECT id FROM seen ORDER BY id DESC LIMIT 1)
    END::text AS last`,
}

const seenSchema = z.object({ last: z.string().nullable() })

/**
 * Ends some of what is still open of those clients that are marked deleted, and tells the regions. Resolves to where
 * to go on; null where nothing comes after.
 */
export async function endSomeSessions(
  db: IdentityDb,
  clientIds: readonly string[],
  after: string = BEFORE_ALL,
): Promise<string | null> {
  const [row] = await db.sql(END_SOME_SESSIONS, [clientIds, after])
  return seenSchema.parse(row).last
}
