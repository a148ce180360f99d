// A revocation of nobody's session, written now and then for each region that is there: how long until it is known. A
// canary that is not known yet is not written again for a minute, so that a slow region is measured too.
import type { Statement } from '@meridian/database/database'
import type { MakeId } from '@meridian/database/uuid-v7'
import { z } from 'zod'
import type { Follower } from './feed-followers.ts'
import type { IdentityDb } from './open-store.ts'
import { regionHealth } from './region-health.ts'
import { voicesOf } from './region-voice.ts'

const LOST_AFTER_SECONDS = 60

const DUE = (canary: string) => `(${canary}.written_at <= meridian_now() - interval '${LOST_AFTER_SECONDS} seconds'
      OR (${canary}.known_at IS NOT NULL AND ${canary}.written_at <= meridian_now() - make_interval(secs => $2::float8)))`

// Many processes: whoever comes second to a row finds that it is not due any more.
const WRITE: Statement = {
  name: 'write_revocation_canaries',
  text: `WITH ${regionHealth()},
    due AS (SELECT h.code FROM region_health h LEFT JOIN revocation_canary c ON c.region = h.code
      WHERE h.health <> 'unreachable' AND (c.region IS NULL OR ${DUE('c')}) ORDER BY h.code),
    written AS (INSERT INTO revocation_canary (region) SELECT code FROM due
      ON CONFLICT (region) DO UPDATE SET xid = excluded.xid, written_at = excluded.written_at, known_at = NULL
        WHERE ${DUE('revocation_canary')} RETURNING region)
    INSERT INTO revocation (kind, subject, region) SELECT 'session', $1::text, region FROM written RETURNING region`,
}

/** The regions for which one was written. */
export async function writeCanaries(db: IdentityDb, makeId: MakeId, everySeconds: number): Promise<readonly string[]> {
  const rows = await db.sql(WRITE, [makeId(), everySeconds])
  return rows.map((row) => z.object({ region: z.string() }).parse(row).region)
}

const NOTE: Statement = {
  name: 'note_canary_known',
  text: `UPDATE revocation_canary SET known_at = meridian_now()
    WHERE region = $1::text AND $3::text IN ${voicesOf('$1::text')} AND known_at IS NULL
      AND pg_visible_in_snapshot(xid, $2::text::pg_snapshot)
    RETURNING extract(epoch FROM known_at - written_at)::float8 AS seconds`,
}

/**
 * That a client was told all that is visible in a snapshot. The seconds that its region's canary took, if that is news, and
 * the client speaks for the region.
 */
export async function noteCanaryKnown(
  db: IdentityDb,
  { region, clientId }: Follower,
  seen: string,
): Promise<number | undefined> {
  const [row] = await db.sql(NOTE, [region, seen, clientId])
  return row === undefined ? undefined : z.object({ seconds: z.number() }).parse(row).seconds
}
