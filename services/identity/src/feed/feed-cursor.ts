// Where a follower stands in the change feed, as a text that is the centre's own business: the epoch, and the entry that it
// was told last. It opens nothing: whoever makes one up is told less, or that there is no such place.
import { z } from 'zod'
import type { FeedPlace } from '../store/feed-rows.ts'

export type FeedCursor = {
  readonly epoch: string
  /** Null: before the first entry. */
  readonly place: FeedPlace | null
}

const digitsSchema = z.string().regex(/^[0-9]{1,18}$/)
const partsSchema = z.union([
  z.tuple([digitsSchema]),
  z.tuple([digitsSchema, digitsSchema, digitsSchema, digitsSchema, z.string().regex(/^[0-9]{1,15}$/)]),
])

export function formatFeedCursor({ epoch, place }: FeedCursor): string {
  const parts = place === null ? [epoch] : [epoch, place.xid, place.seq, place.nonce, String(place.madeAtMs)]
  return parts.join('.')
}

/** Undefined for what is none. */
export function parseFeedCursor(text: string): FeedCursor | undefined {
  const { data: parts } = partsSchema.safeParse(text.split('.'))
  if (parts === undefined) return undefined
  if (parts.length === 1) return { epoch: parts[0], place: null }
  const [epoch, xid, seq, nonce, madeAtMs] = parts
  return { epoch, place: { xid, seq, nonce, madeAtMs: Number(madeAtMs) } }
}
