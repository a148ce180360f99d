// Reads the whole replica against the centre's digests, and joins the feed anew where its place is lost: what differs is
// made what the centre lists, range by range; where too much does, or nothing is held, everything is read anew.
import { type DigestRange, FEED_PAGE_MAX } from '@meridian/protocol/feed'
import { CentreBusy, type FeedLoaders } from './feed-loaders.ts'
import { heldBack, isTooMuchToRemove } from './removal-limit.ts'
import type { Replica, SpanListing, Written } from './replica.ts'
import type { Place, Rebuild } from './replica-place.ts'
import { isAfter, type Span } from './replica-spans.ts'

/** The centre answered under an epoch that it has left behind: an old copy of it, or one that was restored and not told so. */
export class OlderEpoch extends Error {
  constructor() {
    super('the centre answers under an older epoch than before')
    this.name = 'OlderEpoch'
  }
}

/** The centre was restored between two of its answers. */
export class EpochChanged extends Error {
  constructor() {
    super('the centre has begun a new epoch')
    this.name = 'EpochChanged'
  }
}

export function isOlderEpoch(epoch: string, than: string | null): boolean {
  return than !== null && BigInt(epoch) < BigInt(than)
}

/** Above these a rebuild is cheaper, and holds less up. */
const REPAIRED_RANGES_MAX = 10
const REPAIRED_SHARE_MAX = 0.1

export interface Survey {
  epoch: string
  /** From here everything comes that is not in what was compared. */
  cursor: string
  /** By the centre's count. */
  rows: number
  differing: readonly DigestRange[]
  /** Whether so much differs that everything is better read anew. */
  isRebuildBetter: boolean
  held: number
  /** Of those, at least. */
  removed: number
}

export function isRebuilding(place: Place): place is Place & { rebuild: Rebuild } {
  return place.rebuild !== null
}

export const rebuildFromTheFirst = { rebuild: { epoch: null, cursor: null, after: null, rows: 0 } } as const

/** What the feed tells from now on is newer than whatever was gone before. */
function joined(place: Place, at: { epoch: string; cursor: string }): Partial<Place> {
  return { ...at, generation: String(BigInt(place.generation) + 1n), rebuild: null }
}

export function createSurveyor({ loaders, replica }: { loaders: FeedLoaders; replica: Replica }) {
  /** Halved where a page of the list fails: it may be too large, or take too long. */
  let listedMax = FEED_PAGE_MAX

  /** `between` pages, what else is to be done is done: reading all of it takes its time. */
  async function survey(
    signal: AbortSignal,
    {
      onRows = () => {},
      between = async () => {},
    }: { onRows?: (rows: number) => void; between?: () => Promise<void> } = {},
  ): Promise<Survey> {
    const differing: DigestRange[] = []
    let [ranges, rows, held, removed] = [0, 0, 0, 0]
    let first: { epoch: string; cursor: string } | null = null
    for (let after: string | null = null; ; ) {
      const page = await loaders.loadDigests(after, signal)
      first ??= { epoch: page.epoch, cursor: page.cursor }
      if (page.epoch !== first.epoch) throw new EpochChanged()
      for (const range of page.ranges) {
        signal.throwIfAborted()
        const isAsTold = await replica.holdsAsTold(range)
        const heldHere = isAsTold ? range.count : await replica.countHeld(range)
        if (!isAsTold) differing.push(range)
        held += heldHere
        removed += Math.max(heldHere - range.count, 0)
        ranges += 1
        rows += range.count
        onRows(rows)
      }
      after = page.next
      if (after === null) break
      await between()
    }
    const isRebuildBetter = differing.length > Math.max(REPAIRED_RANGES_MAX, ranges * REPAIRED_SHARE_MAX)
    return { epoch: first.epoch, cursor: first.cursor, rows, differing, isRebuildBetter, held, removed }
  }

  async function loadListed(span: Span, signal: AbortSignal) {
    try {
      const page = await loaders.loadSnapshot(span, signal, listedMax)
      listedMax = Math.min(listedMax * 2, FEED_PAGE_MAX)
      return page
    } catch (error) {
      if (!signal.aborted && !(error instanceof CentreBusy)) listedMax = Math.max(Math.floor(listedMax / 2), 1)
      throw error
    }
  }

  /** Everything that the centre has in the first part of a span; `listing.span.through` tells how far. */
  async function list(span: Span, signal: AbortSignal): Promise<SpanListing & { cursor: string }> {
    const { entries, epoch, cursor, next } = await loadListed(span, signal)
    if (next !== null && span.after !== null && !isAfterKey(next, span.after)) {
      throw new Error('the centre lists no further')
    }
    return { span: { after: span.after, through: next ?? span.through }, entries, epoch, cursor }
  }

  return {
    survey,
    list,
    /** One page of a rebuild; the last one ends it. `rows`: read so far. Null: another process has written since. */
    rebuildOn: async (
      place: Place & { rebuild: Rebuild },
      signal: AbortSignal,
    ): Promise<(Written & { rows: number; differing: number }) | null> => {
      const { rebuild } = place
      const listing = await list({ after: rebuild.after, through: null }, signal)
      const { epoch } = listing
      if (isOlderEpoch(epoch, rebuild.epoch ?? place.epoch)) throw new OlderEpoch()
      if (rebuild.epoch !== null && rebuild.epoch !== epoch) {
        const begun = await replica.move(place, rebuildFromTheFirst)
        return begun && { place: begun, kinds: new Set(), settled: 0, parked: new Map(), rows: 0, differing: 0 }
      }
      const cursor = rebuild.cursor ?? listing.cursor
      const rowsThrough = (through: string | null) =>
        rebuild.rows + listing.entries.filter((entry) => through === null || !isAfter(entry, through)).length
      const moveTo = (through: string | null) =>
        through === null
          ? joined(place, { epoch, cursor })
          : { rebuild: { epoch, cursor, after: through, rows: rowsThrough(through) } }
      const written = await replica.replace(place, listing, moveTo, { isAnew: true, signal })
      return written === null ? null : { ...written, rows: rowsThrough(written.through) }
    },
    /**
     * Where the place is lost: compares, makes what differs what it should be, and moves to where the comparison began.
     * May leave a rebuild begun instead. Where too much would go, it stays: `onHeldBack`. Null: another process has
     * written since.
     */
    joinAnew: async (
      held: Place,
      signal: AbortSignal,
      { onWritten, onHeldBack }: { onWritten: (written: Written) => void; onHeldBack: (why: string) => void },
    ): Promise<Place | null> => {
      const surveyed = await survey(signal)
      const { epoch, cursor, differing, isRebuildBetter } = surveyed
      if (isOlderEpoch(epoch, held.epoch)) throw new OlderEpoch()
      const keepsExtra = isTooMuchToRemove(surveyed)
      if (keepsExtra) onHeldBack(heldBack(surveyed))
      else if (held.cursor === null || isRebuildBetter) return replica.move(held, rebuildFromTheFirst)
      let place = held
      for (const range of differing) {
        for (let after = range.after, isOpen = true; isOpen; ) {
          const listing = await list({ after, through: range.through }, signal)
          if (listing.epoch !== epoch) throw new EpochChanged()
          const written = await replica.replace(place, listing, () => ({}), { keepsExtra, signal })
          if (written === null) return null
          place = written.place
          onWritten(written)
          after = written.through
          isOpen = after !== range.through
        }
      }
      return replica.move(place, joined(place, { epoch, cursor }))
    },
  }
}

function isAfterKey(key: string, bound: string): boolean {
  const slash = key.indexOf('/')
  return isAfter({ kind: key.slice(0, slash), id: key.slice(slash + 1) }, bound)
}
