// Takes from the log what nobody needs any more: entries that a later one of the same entity stands for, and what is gone
// and was told long enough. Nothing that a follower has yet to be told is lost: the last entry of an entity stands for
// all before it, with a higher revision, wherever in the order it stands. The last entry of a region is always kept: who
// reads everything anew follows from there.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { stateOf } from './feed-view.ts'
import type { IdentityDb } from './open-store.ts'

const BATCH_ROWS = 500

const IS_NOT_LAST = `EXISTS (SELECT FROM change z WHERE z.region = c.region AND (z.xid, z.seq) > (c.xid, c.seq)
          AND z.xid < pg_snapshot_xmin(pg_current_snapshot()))`

// The next entries in the order of seq, up to the first that is too young, or not settled: the watermark does not pass it.
// One that commits so late that the watermark has passed it is compacted with the next change of its entity. The row's
// lock is the turn.
const COMPACT: Statement = {
  name: 'compact_feed',
  text: `WITH turn AS MATERIALIZED (SELECT seq FROM feed_compaction FOR UPDATE SKIP LOCKED),
    batch AS MATERIALIZED (
      SELECT n.*, bool_and(n.is_old) OVER (ORDER BY n.seq) AS may FROM turn, LATERAL (
        SELECT c.region, c.kind, c.entity_id, c.seq, c.created_at < meridian_now() - interval '10 minutes'
          AND c.xid < pg_snapshot_xmin(pg_current_snapshot()) AS is_old
        FROM change c WHERE c.seq > turn.seq ORDER BY c.seq LIMIT ${BATCH_ROWS}) n),
    latest AS (
      SELECT b.region, b.kind, b.entity_id, max(b.seq) AS seq FROM batch b WHERE b.may GROUP BY b.region, b.kind, b.entity_id),
    taken AS (
      DELETE FROM change c USING latest l
      WHERE c.region = l.region AND c.kind = l.kind AND c.entity_id = l.entity_id AND c.seq < l.seq
        AND ${IS_NOT_LAST}
      RETURNING 1),
    moved AS (
      UPDATE feed_compaction SET seq = (SELECT max(b.seq) FROM batch b WHERE b.may)
      WHERE EXISTS (SELECT FROM batch b WHERE b.may))
    SELECT (SELECT count(*)::integer FROM batch WHERE may) AS passed, (SELECT count(*)::integer FROM taken) AS taken`,
}

const compactedSchema = z.object({ passed: z.number(), taken: z.number() })
type Step = {
  /** Rows that went. */
  readonly taken: number
  readonly mayBeMore: boolean
}

/** Takes some entries that later ones stand for, ten minutes after those were made. */
export async function compactSome(db: IdentityDb): Promise<Step> {
  const { passed, taken } = compactedSchema.parse((await db.sql(COMPACT, []))[0])
  return { taken, mayBeMore: passed === BATCH_ROWS }
}

// Whoever stands before the horizon may not have been told: it rises in the statement that forgets.
const FORGET: Statement = {
  name: 'forget_gone_of_feed',
  text: `WITH old AS MATERIALIZED (
      SELECT c.region, c.kind, c.entity_id, c.seq, c.xid FROM change c
      WHERE c.gone AND c.created_at < meridian_now() - make_interval(secs => $1::integer)
        AND c.xid < pg_snapshot_xmin(pg_current_snapshot()) AND ${IS_NOT_LAST}
        AND NOT EXISTS (SELECT FROM change n WHERE n.region = c.region AND n.kind = c.kind AND n.entity_id = c.entity_id
          AND n.seq > c.seq)
      ORDER BY c.created_at LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED),
    forgotten AS (
      DELETE FROM change c USING old
      WHERE c.region = old.region AND c.kind = old.kind AND c.entity_id = old.entity_id AND c.seq = old.seq
        AND ${stateOf('old')} IS NULL
      RETURNING c.region, c.xid, c.seq),
    risen AS (
      INSERT INTO feed_horizon AS h (region, xid, seq)
        SELECT DISTINCT ON (f.region) f.region, f.xid, f.seq FROM forgotten f ORDER BY f.region, f.xid DESC, f.seq DESC
      ON CONFLICT (region) DO UPDATE SET xid = excluded.xid, seq = excluded.seq
        WHERE (h.xid, h.seq) < (excluded.xid, excluded.seq))
    SELECT (SELECT count(*)::integer FROM old) AS found, (SELECT count(*)::integer FROM forgotten) AS taken`,
}

const forgottenSchema = z.object({ found: z.number(), taken: z.number() })

/** Forgets some of what has been gone for so long. */
export async function forgetSomeGone(db: IdentityDb, retentionSeconds: number): Promise<Step> {
  const { found, taken } = forgottenSchema.parse((await db.sql(FORGET, [retentionSeconds]))[0])
  return { taken, mayBeMore: found === BATCH_ROWS && taken > 0 }
}
