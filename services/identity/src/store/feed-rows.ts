// How rows of the feed come out of the database.
import { z } from 'zod'

/** A place in the order of the feed, and what tells it from the same place in another history. */
const placeSchema = z.object({
  xid: z.string(),
  seq: z.string(),
  nonce: z.string(),
  /** Milliseconds since the epoch, by the database's clock. */
  madeAtMs: z.number(),
})
export type FeedPlace = z.infer<typeof placeSchema>
export const lastPlaceSchema = placeSchema.nullable()

// The states are what store/feed-view.ts makes of them: one that a newer schema would refuse must not end the feed.
const entrySchema = z.object({
  kind: z.string(),
  id: z.string(),
  revision: z.number(),
  state: z.record(z.string(), z.unknown()).nullable(),
})
export const entriesSchema = z.array(entrySchema)

export const placeOf = (
  named: string,
): string => `jsonb_build_object('xid', ${named}.xid::text, 'seq', ${named}.seq::text,
    'nonce', ${named}.nonce::text, 'madeAtMs', floor(extract(epoch FROM ${named}.created_at) * 1000))`

/** The last entry that everything before is settled of: whoever holds what the same statement sees follows from there. */
export const LAST_SETTLED = `(SELECT ${placeOf('z')} FROM change z
    WHERE z.region = $1::text AND z.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY z.xid DESC, z.seq DESC LIMIT 1)`

/** A key as its two columns. */
export type KeyPlace = { readonly kind: string; readonly id: string }

export const keySchema = z.object({ kind: z.string(), id: z.string() })
