// Whether there is something for those who wait, in both lanes: one query for all that wait in a process.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { IS_NEWS } from './revocation-lane.ts'

/** In the revocation lane: what is not visible in that snapshot. */
export type WaitingForRevocations = { readonly region: string; readonly seen: string }
/** In the change feed: what is settled after that place, or an order that is not this one. */
export type WaitingForChanges = {
  readonly region: string
  readonly after: { readonly xid: string; readonly seq: string }
  readonly order: string | null
}
export type Waiting = WaitingForRevocations | WaitingForChanges

// A snapshot is read once for each who waits, not once for each row that is held against it.
const FIND_NEWS: Statement = {
  name: 'find_news',
  text: `WITH w AS MATERIALIZED (
      SELECT u.id, u.region, u.seen::pg_snapshot AS seen FROM unnest($1::integer[], $2::text[], $3::text[]) AS u (id, region, seen))
    SELECT w.id AS place FROM w WHERE EXISTS (SELECT FROM revocation r WHERE ${IS_NEWS('w.seen', 'w.region')})
    UNION ALL
    SELECT w.id FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[], $8::text[]) AS w (id, region, xid, seq, told)
    WHERE EXISTS (SELECT FROM change c WHERE c.region = w.region AND (c.xid, c.seq) > (w.xid::xid8, w.seq::bigint)
        AND c.xid < pg_snapshot_xmin(pg_current_snapshot()))
      OR EXISTS (SELECT FROM sync_order s WHERE s.region = w.region AND s.finished_at IS NULL AND s.status = 'queued'
        AND s.id::text IS DISTINCT FROM w.told)`,
}

const isForChanges = (waiting: Waiting): waiting is WaitingForChanges => 'after' in waiting

/** The indexes of those for whom there is something. */
export async function findNews(db: IdentityDb, waiting: readonly Waiting[]): Promise<readonly number[]> {
  const placed = waiting.map((one, place) => ({ one, place }))
  const revocations = placed.flatMap(({ one, place }) => (isForChanges(one) ? [] : [{ ...one, place }]))
  const changes = placed.flatMap(({ one, place }) => (isForChanges(one) ? [{ ...one, place }] : []))
  const rows = await db.sql(FIND_NEWS, [
    revocations.map(({ place }) => place),
    revocations.map(({ region }) => region),
    revocations.map(({ seen }) => seen),
    changes.map(({ place }) => place),
    changes.map(({ region }) => region),
    changes.map(({ after }) => after.xid),
    changes.map(({ after }) => after.seq),
    changes.map(({ order }) => order),
  ])
  return rows.map((row) => z.object({ place: z.number() }).parse(row).place)
}
