// Where a service stands in the feed: the row that whoever writes to the replica holds. Its turn rises with each write,
// so that what was read before another process wrote is not written after it.
import { z } from 'zod'
import type { ReplicaQuery } from './replica-database.ts'

const rowSchema = z.object({
  turn: z.string(),
  epoch: z.string().nullable(),
  cursor: z.string().nullable(),
  generation: z.string(),
  rebuild_begun: z.boolean(),
  rebuild_epoch: z.string().nullable(),
  rebuild_cursor: z.string().nullable(),
  rebuild_after: z.string().nullable(),
  rebuild_rows: z.string().transform(Number),
})

export interface Rebuild {
  /** Of its first page; null before that. */
  epoch: string | null
  cursor: string | null
  /** The key up to which everything has been replaced. */
  after: string | null
  rows: number
}

export interface Place {
  turn: string
  epoch: string | null
  /** Null: from the beginning. */
  cursor: string | null
  generation: string
  rebuild: Rebuild | null
}

const COLUMNS = `turn::text, epoch::text, cursor, generation::text, rebuild_begun, rebuild_epoch::text, rebuild_cursor,
  rebuild_after, rebuild_rows::text`

const READ = `SELECT ${COLUMNS} FROM replica_place`

const MOVE = `UPDATE replica_place SET turn = turn + 1, epoch = $3::text::bigint, cursor = $4::text,
    generation = $5::text::bigint, rebuild_begun = $6::boolean, rebuild_epoch = $7::text::bigint,
    rebuild_cursor = $8::text, rebuild_after = $9::text, rebuild_rows = $10::text::bigint
  WHERE turn = $1::text::bigint AND cursor IS NOT DISTINCT FROM $2::text
  RETURNING ${COLUMNS}`

export async function readPlace(query: ReplicaQuery): Promise<Place> {
  const [row] = await query(READ, [])
  if (row === undefined) throw new Error('replica_place has no row: its migration inserts it')
  return placeOf(row)
}

/** Takes the row, and its turn, from where it was held. Null: another process has written since. */
export async function movePlace(query: ReplicaQuery, held: Place, to: Partial<Place>): Promise<Place | null> {
  const { epoch, cursor, generation, rebuild } = { ...held, ...to }
  const [row] = await query(MOVE, [
    held.turn,
    held.cursor,
    epoch,
    cursor,
    generation,
    rebuild !== null,
    rebuild?.epoch ?? null,
    rebuild?.cursor ?? null,
    rebuild?.after ?? null,
    String(rebuild?.rows ?? 0),
  ])
  return row === undefined ? null : placeOf(row)
}

function placeOf(row: unknown): Place {
  const { turn, epoch, cursor, generation, ...rebuild } = rowSchema.parse(row)
  return {
    turn,
    epoch,
    cursor,
    generation,
    rebuild: rebuild.rebuild_begun
      ? {
          epoch: rebuild.rebuild_epoch,
          cursor: rebuild.rebuild_cursor,
          after: rebuild.rebuild_after,
          rows: rebuild.rebuild_rows,
        }
      : null,
  }
}
