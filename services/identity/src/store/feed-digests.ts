// What a region should hold now, as a number for each range of keys. What is summed is packages/protocol/src/feed.ts's.
import type { Statement } from '@meridian/database/database'
import { DIGEST_RANGE_ENTRIES } from '@meridian/protocol/feed'
import { z } from 'zod'
import { type KeyPlace, keySchema, LAST_SETTLED, lastPlaceSchema } from './feed-rows.ts'
import { stateOf } from './feed-view.ts'
import type { IdentityDb } from './open-store.ts'

// 60 bits of a hash.
const NUMBER = `('x' || left(encode(sha256(convert_to(
    s.kind || E'\\n' || s.entity_id || E'\\n' || s.revision || E'\\n' || s.state::text, 'UTF8')), 'hex'), 15))::bit(60)::bigint`

const READ_DIGESTS: Statement = {
  name: 'read_feed_digests',
  text: `WITH page AS MATERIALIZED (
      SELECT c.region, c.kind, c.entity_id, max(c.seq) AS revision FROM change c
      WHERE c.region = $1::text AND (c.kind, c.entity_id) > ($2::text, $3::text)
      GROUP BY c.region, c.kind, c.entity_id ORDER BY c.region, c.kind, c.entity_id LIMIT $4::integer),
    seen AS MATERIALIZED (
      SELECT page.kind, page.entity_id, page.revision, ${stateOf('page')} AS state,
        (row_number() OVER (ORDER BY page.kind, page.entity_id) - 1) / ${DIGEST_RANGE_ENTRIES} AS place
      FROM page),
    range AS (
      SELECT s.place, count(*)::integer AS read, count(s.state)::integer AS count,
        coalesce(sum(${NUMBER}) FILTER (WHERE s.state IS NOT NULL), 0)::text AS digest,
        (array_agg(jsonb_build_object('kind', s.kind, 'id', s.entity_id) ORDER BY s.kind DESC, s.entity_id DESC))[1] AS through
      FROM seen s GROUP BY s.place)
    SELECT (SELECT epoch::text FROM deployment) AS epoch, ${LAST_SETTLED} AS last,
      (SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.place), '[]') FROM range r) AS ranges`,
}

const digestsSchema = z.object({
  epoch: z.string(),
  last: lastPlaceSchema,
  ranges: z.array(
    z.object({
      /** Entities, also those that are gone. */
      read: z.number(),
      count: z.number(),
      digest: z.string(),
      /** Of the last of them. */
      through: keySchema,
    }),
  ),
})
export type StoredDigests = z.infer<typeof digestsSchema>

/** Up to `ranges` ranges after this key, each but the last one full. */
export async function readDigests(
  db: IdentityDb,
  region: string,
  after: KeyPlace | undefined,
  ranges: number,
): Promise<StoredDigests> {
  const values = [region, after?.kind ?? '', after?.id ?? '', ranges * DIGEST_RANGE_ENTRIES]
  const [row] = await db.sql(READ_DIGESTS, values)
  return digestsSchema.parse(row)
}
