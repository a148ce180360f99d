// What a region should hold now, by key: the log has a row for each entity that is to be seen, and names it by key too.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { entriesSchema, type KeyPlace, keySchema, LAST_SETTLED, lastPlaceSchema } from './feed-rows.ts'
import { stateOf } from './feed-view.ts'
import type { IdentityDb } from './open-store.ts'

/** Above every kind. */
const END: KeyPlace = { kind: '~', id: '' }
const BEGINNING: KeyPlace = { kind: '', id: '' }

// Entities that are gone are passed over after they were read, so that a page has an end however many there are of them.
const READ_SNAPSHOT: Statement = {
  name: 'read_feed_snapshot',
  text: `WITH page AS MATERIALIZED (
      SELECT c.region, c.kind, c.entity_id, max(c.seq) AS revision FROM change c
      WHERE c.region = $1::text AND (c.kind, c.entity_id) > ($2::text, $3::text)
        AND (c.kind, c.entity_id) <= ($4::text, $5::text)
      GROUP BY c.region, c.kind, c.entity_id ORDER BY c.region, c.kind, c.entity_id LIMIT $6::integer),
    seen AS MATERIALIZED (
      SELECT page.kind, page.entity_id, page.revision, ${stateOf('page')} AS state FROM page)
    SELECT (SELECT epoch::text FROM deployment) AS epoch,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', s.kind, 'id', s.entity_id, 'revision', s.revision,
          'state', s.state) ORDER BY s.kind, s.entity_id), '[]') FROM seen s WHERE s.state IS NOT NULL) AS entries,
      (SELECT count(*)::integer FROM page) AS read,
      (SELECT jsonb_build_object('kind', p.kind, 'id', p.entity_id) FROM page p
        ORDER BY p.kind DESC, p.entity_id DESC LIMIT 1) AS last_key,
      ${LAST_SETTLED} AS last`,
}

const snapshotSchema = z.object({
  epoch: z.string(),
  entries: entriesSchema,
  /** Entities, also those that are gone. */
  read: z.number(),
  last_key: keySchema.nullable(),
  last: lastPlaceSchema,
})
export type StoredSnapshot = z.infer<typeof snapshotSchema>

/** Reads at most `limit` entities after and up to these keys. */
export async function readSnapshot(
  db: IdentityDb,
  region: string,
  { after = BEGINNING, through = END, limit }: { after?: KeyPlace; through?: KeyPlace; limit: number },
): Promise<StoredSnapshot> {
  const [row] = await db.sql(READ_SNAPSHOT, [region, after.kind, after.id, through.kind, through.id, limit])
  return snapshotSchema.parse(row)
}
