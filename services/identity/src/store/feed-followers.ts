// Where those who follow the feed stand: copies of the entry that each asked with last and of the last one it was told,
// which are good to ask with when compaction has taken the entries themselves.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { FeedPlace } from './feed-rows.ts'
import type { IdentityDb } from './open-store.ts'

export type Follower = { readonly region: string; readonly clientId: string }

// When the entry was made, by the entry; of one that is gone, as the cursor says, and not in the future.
const PLACE = `place AS (SELECT coalesce(
      (SELECT c.created_at FROM change c WHERE c.region = $1::text AND c.xid = $3::text::xid8 AND c.seq = $4::text::bigint
        AND c.nonce = $5::text::bigint),
      CASE WHEN $6::float8 IS NOT NULL THEN least(meridian_now(), to_timestamp($6::float8 / 1000)) END) AS made_at)`
const MADE_AT = '(SELECT made_at FROM place)'

// Processes of one region may ask a little out of order; and of two changes that come in one order, the second may have
// been written earlier. Neither is a minute and a step back at once.
const WENT_BACK = `f.asked_made_at IS NOT NULL
    AND (${MADE_AT} IS NULL OR ${MADE_AT} < f.asked_made_at - interval '1 minute')
    AND ($3::text IS NULL OR f.asked_xid IS NULL OR ($3::text::xid8, $4::text::bigint) < (f.asked_xid, f.asked_seq))`
// When the entry was made, by the entry; of one that is gone, as the cursor says, and not in the future.
const OWED = `CASE WHEN ${WENT_BACK}
    THEN least(f.owed_since, coalesce(${MADE_AT}, '-infinity')) ELSE f.owed_since END`
// However often a follower goes back, and whether or not it is one's fault: what it is owed waits, and is not forgotten.
const IS_DUE = `f.owed_since IS NOT NULL
    AND coalesce(f.went_back_at NOT BETWEEN meridian_now() - interval '10 minutes' AND meridian_now(), true)`
const RESULT = `SELECT coalesce((SELECT is_due FROM noted), (SELECT ${IS_DUE} FROM feed_follower f
    WHERE f.region = $1::text AND f.client_id = $2::text), false) AS is_due`

// Who waits for news asks again and again from the same place: that is written down now and then.
const NOTE_TOLD: Statement = {
  name: 'note_told_follower',
  text: `WITH ${PLACE}, noted AS (
      INSERT INTO feed_follower AS f (region, client_id, asked_xid, asked_seq, asked_nonce, asked_made_at,
        told_xid, told_seq, told_nonce)
      VALUES ($1::text, $2::text, $3::text::xid8, $4::text::bigint, $5::text::bigint, ${MADE_AT},
        $7::text::xid8, $8::text::bigint, $9::text::bigint)
      ON CONFLICT (region, client_id) DO UPDATE SET polled_at = meridian_now(), asked_xid = excluded.asked_xid,
        asked_seq = excluded.asked_seq, asked_nonce = excluded.asked_nonce, asked_made_at = excluded.asked_made_at,
        told_xid = excluded.told_xid, told_seq = excluded.told_seq, told_nonce = excluded.told_nonce, owed_since = ${OWED}
      WHERE f.polled_at NOT BETWEEN meridian_now() - interval '10 seconds' AND meridian_now()
        OR (f.asked_xid, f.asked_seq, f.asked_nonce, f.told_xid, f.told_seq, f.told_nonce) IS DISTINCT FROM
          (excluded.asked_xid, excluded.asked_seq, excluded.asked_nonce, excluded.told_xid, excluded.told_seq, excluded.told_nonce)
      RETURNING ${IS_DUE} AS is_due)
    ${RESULT}`,
}

// A place that was refused must not become one that is known.
const NOTE_REFUSED: Statement = {
  name: 'note_refused_follower',
  text: `WITH ${PLACE}, noted AS (
      UPDATE feed_follower f SET polled_at = meridian_now(), asked_xid = NULL, asked_seq = NULL, asked_nonce = NULL,
        asked_made_at = ${MADE_AT}, owed_since = ${OWED}
      WHERE f.region = $1::text AND f.client_id = $2::text
      RETURNING ${IS_DUE} AS is_due)
    ${RESULT}`,
}

// The lock reads the row as it is then: of two that come at once, one finds that something is owed.
const TAKE_RETURN: Statement = {
  name: 'take_return_of_follower',
  text: `WITH owed AS MATERIALIZED (
      SELECT f.owed_since FROM feed_follower f
      WHERE f.region = $1::text AND f.client_id = $2::text AND ${IS_DUE} FOR UPDATE)
    UPDATE feed_follower f SET owed_since = NULL, went_back_at = meridian_now() FROM owed
    WHERE f.region = $1::text AND f.client_id = $2::text
    RETURNING CASE WHEN isfinite(owed.owed_since) THEN extract(epoch FROM owed.owed_since)::float8 * 1000 END AS since_ms`,
}

// By the time that a question has waited, another process of its service may have asked from further on.
const NOTE_ANSWERED: Statement = {
  name: 'note_answered_follower',
  text: `UPDATE feed_follower f SET polled_at = meridian_now(), told_xid = $3::text::xid8, told_seq = $4::text::bigint,
      told_nonce = $5::text::bigint
    WHERE f.region = $1::text AND f.client_id = $2::text
      AND (f.polled_at NOT BETWEEN meridian_now() - interval '10 seconds' AND meridian_now()
        OR (f.told_xid, f.told_seq, f.told_nonce) IS DISTINCT FROM
          ($3::text::xid8, $4::text::bigint, $5::text::bigint))`,
}

const NOTE_REBUILD: Statement = {
  name: 'note_rebuilding_follower',
  text: `INSERT INTO feed_follower AS f (region, client_id, told_xid, told_seq, told_nonce)
    VALUES ($1::text, $2::text, $3::text::xid8, $4::text::bigint, $5::text::bigint)
    ON CONFLICT (region, client_id) DO UPDATE SET polled_at = meridian_now(),
      told_xid = excluded.told_xid, told_seq = excluded.told_seq, told_nonce = excluded.told_nonce`,
}

const placeValues = (place: FeedPlace | null) => [place?.xid ?? null, place?.seq ?? null, place?.nonce ?? null]
const dueSchema = z.object({ is_due: z.boolean() })
const returnSchema = z.object({ since_ms: z.number().nullable() })

/**
 * Resolves to whether this follower has come further before, which means that its database is from a backup, and
 * `takeReturn` has something to give. From now on it stands where it asked.
 */
export async function noteTold(
  db: IdentityDb,
  { region, clientId }: Follower,
  asked: FeedPlace | null,
  told: FeedPlace | null,
): Promise<boolean> {
  const values = [region, clientId, ...placeValues(asked), asked?.madeAtMs ?? null, ...placeValues(told)]
  return isDue(await db.sql(NOTE_TOLD, values))
}

/** What a question was told that has waited; where it asked from was noted when it came. */
export async function noteAnswered(
  db: IdentityDb,
  { region, clientId }: Follower,
  told: FeedPlace | null,
): Promise<void> {
  await db.sql(NOTE_ANSWERED, [region, clientId, ...placeValues(told)])
}

/** As noteTold, of one who asked with a place that is no good. */
export async function noteRefused(
  db: IdentityDb,
  { region, clientId }: Follower,
  asked: FeedPlace | null,
): Promise<boolean> {
  return isDue(await db.sql(NOTE_REFUSED, [region, clientId, ...placeValues(asked), asked?.madeAtMs ?? null]))
}

function isDue([row]: readonly unknown[]): boolean {
  return dueSchema.parse(row).is_due
}

/**
 * How far a follower has gone back, in milliseconds since the epoch, null where that is not known: once each time, and at
 * most every ten minutes. Undefined where there is nothing to say, or not yet.
 */
export async function takeReturn(db: IdentityDb, { region, clientId }: Follower): Promise<number | null | undefined> {
  const [row] = await db.sql(TAKE_RETURN, [region, clientId])
  return row === undefined ? undefined : returnSchema.parse(row).since_ms
}

/** That it reads everything anew, and will follow from this place then. */
export async function noteRebuilding(db: IdentityDb, follower: Follower, from: FeedPlace | null): Promise<void> {
  await db.sql(NOTE_REBUILD, [follower.region, follower.clientId, ...placeValues(from)])
}
