// A page of the change feed: what has changed in a region after a place, below the oldest transaction that is still open,
// so that nothing can come to stand before what was told. infra/decisions/0020-change-feed.md
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { entriesSchema, type FeedPlace, lastPlaceSchema, placeOf } from './feed-rows.ts'
import { revisionOf, stateOf } from './feed-view.ts'
import type { IdentityDb } from './open-store.ts'

/** The oldest of those that come next is not always the first: transactions begin in another order than they write. */
const NEXT_LOOKED_AT = 200

// One statement, one snapshot: the check of the place, the entries, their states and what comes next agree. An entity
// comes once in a page, at its last place there.
const READ_CHANGES: Statement = {
  name: 'read_changes',
  text: `WITH page AS MATERIALIZED (
      SELECT c.region, c.kind, c.entity_id, c.xid, c.seq, c.nonce, c.created_at,
        row_number() OVER (ORDER BY c.xid, c.seq) AS place
      FROM change c
      WHERE c.region = $1::text AND (c.xid, c.seq) > ($2::text::xid8, $3::text::bigint)
        AND c.xid < pg_snapshot_xmin(pg_current_snapshot())
      ORDER BY c.xid, c.seq LIMIT $5::integer),
    told AS (
      SELECT p.region, p.kind, p.entity_id, max(p.place) AS place FROM page p GROUP BY p.region, p.kind, p.entity_id),
    last AS (
      SELECT p.xid, p.seq, p.nonce, p.created_at FROM page p ORDER BY p.place DESC LIMIT 1),
    next AS (
      SELECT n.xid, n.created_at FROM change n
      WHERE n.region = $1::text AND (n.xid, n.seq) > (
        coalesce((SELECT xid FROM last), $2::text::xid8), coalesce((SELECT seq FROM last), $3::text::bigint))
      ORDER BY n.xid, n.seq LIMIT ${NEXT_LOOKED_AT})
    SELECT (SELECT epoch::text FROM deployment) AS epoch,
      ($4::text IS NULL
        OR EXISTS (SELECT FROM change k WHERE k.region = $1::text AND k.xid = $2::text::xid8 AND k.seq = $3::text::bigint
          AND k.nonce = $4::text::bigint)
        OR EXISTS (SELECT FROM feed_follower f WHERE f.region = $1::text AND (
          (f.asked_xid = $2::text::xid8 AND f.asked_seq = $3::text::bigint AND f.asked_nonce = $4::text::bigint)
          OR (f.told_xid = $2::text::xid8 AND f.told_seq = $3::text::bigint AND f.told_nonce = $4::text::bigint)))) AS is_known,
      EXISTS (SELECT FROM feed_horizon h WHERE h.region = $1::text
        AND (h.xid, h.seq) > ($2::text::xid8, $3::text::bigint)) AS is_behind_horizon,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', told.kind, 'id', told.entity_id,
          'revision', ${revisionOf('told')}, 'state', ${stateOf('told')}) ORDER BY told.place), '[]') FROM told) AS entries,
      (SELECT ${placeOf('last')} FROM last) AS last,
      EXISTS (SELECT FROM next n WHERE n.xid < pg_snapshot_xmin(pg_current_snapshot())) AS more,
      coalesce((SELECT greatest(0, extract(epoch FROM meridian_now() - min(n.created_at))) FROM next n), 0)::float8 AS behind_seconds`,
}

const pageSchema = z.object({
  epoch: z.string(),
  /** Whether there is, or was when it was told, an entry at the place that was asked with. */
  is_known: z.boolean(),
  /** Whether something that is gone has been forgotten since. */
  is_behind_horizon: z.boolean(),
  entries: entriesSchema,
  last: lastPlaceSchema,
  more: z.boolean(),
  behind_seconds: z.number(),
})
export type StoredChanges = z.infer<typeof pageSchema>

/** At most `limit` rows of the log after the place, which are as many entries or fewer. Null: from the beginning. */
export async function readChanges(
  db: IdentityDb,
  region: string,
  after: FeedPlace | null,
  limit: number,
): Promise<StoredChanges> {
  const [row] = await db.sql(READ_CHANGES, [region, after?.xid ?? '0', after?.seq ?? '0', after?.nonce ?? null, limit])
  return pageSchema.parse(row)
}
