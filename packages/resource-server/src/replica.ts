// A service's copy of what its region may see of the centre: three tables (replica_entity, replica_place,
// replica_parked), written by whole pages together with the place in the feed. Newer wins; only what the centre lists as
// being so now may replace it. The tables that a service hangs on it are written in the same transaction.
import type { DigestRange, FeedEntry, ReceivedChanges, ReceivedEntry } from '@meridian/protocol/feed'
import { isFleeting, isOutOfTime, type ReplicaQuery, type ReplicaTransaction } from './replica-database.ts'
import { type AsideEntry, failureOf, keyOf, newestOf, sortOut, type ToldEntry } from './replica-entry.ts'
import { createOwnTables, type ListOwnDifferences } from './replica-own-tables.ts'
import { movePlace, type Place, readPlace } from './replica-place.ts'
import {
  countParked,
  dropEntries,
  type EntityKey,
  forgetGone,
  listParked,
  parkEntries,
  putEntries,
  unparkEntries,
} from './replica-rows.ts'
import {
  countHeld,
  type Difference,
  differencesIn,
  holdsAsTold,
  isAfter,
  narrowSpan,
  type Span,
} from './replica-spans.ts'

/**
 * An entity that has changed: what it is now, or null for what is gone. Members that this build does not know are there
 * too. One that came back, or is told again, may come more than once, and kinds in any order.
 */
export type ReplicaChange = FeedEntry

export interface ReplicaOptions {
  transaction: ReplicaTransaction
  /**
   * Writes what a service hangs on the replica, in the transaction that changes it: in part it is never to be seen. What
   * it throws parks the entity that it threw for; an error of the connection repeats the page.
   */
  onChanges?: (query: ReplicaQuery, changes: readonly ReplicaChange[]) => Promise<void>
  /**
   * Which rows of a span the tables that `onChanges` writes have otherwise than `replica_entity`, in one statement. They
   * count as drift, and are told to `onChanges` again. Some thousands at once will do.
   */
  listOwnDifferences?: ListOwnDifferences
}

/** What was written. */
export interface Written {
  place: Place
  /** Of what has changed. */
  kinds: ReadonlySet<string>
  /** Entries that were seen to: written, passed over as older, or put aside. */
  settled: number
  /** Entries that were put aside, by kind. */
  parked: ReadonlyMap<string, number>
}

/** Everything that the centre has in a span. */
export interface SpanListing {
  span: Span
  entries: readonly ReceivedEntry[]
  epoch: string
}

/**
 * Null, of each that writes: another process has written since the place was read. Read it again. A signal ends what is
 * written in many transactions, between two of them.
 */
export interface Replica {
  place(): Promise<Place>
  /** Writes a page of changes that was asked for from this place. */
  apply(
    held: Place,
    page: Pick<ReceivedChanges, 'epoch' | 'cursor' | 'entries'>,
    signal?: AbortSignal,
  ): Promise<Written | null>
  /**
   * Makes a span what the centre lists, newer or not, and moves. Large ones in part: `through` tells how far. `isAnew`:
   * what does not differ is told to `onChanges` too. `keepsExtra`: what is not listed stays.
   */
  replace(
    held: Place,
    listing: SpanListing,
    moveTo: (through: string | null) => Partial<Place>,
    how?: { isAnew?: boolean; keepsExtra?: boolean; signal?: AbortSignal },
  ): Promise<(Written & { through: string | null; differing: number }) | null>
  move(held: Place, to: Partial<Place>): Promise<Place | null>
  /** Makes these rows what the centre lists, as long as each of them is what it was found to be. */
  mend(held: Place, rows: readonly Difference[], listing: SpanListing, signal?: AbortSignal): Promise<Written | null>
  holdsAsTold(range: DigestRange): Promise<boolean>
  /** Without what is put aside. */
  countHeld(span: Span): Promise<number>
  differences(listing: SpanListing): Promise<{ differences: Difference[]; through: string | null }>
  /** Tries what is put aside again: a newer build may know it. */
  retryParked(held: Place, signal?: AbortSignal): Promise<Written | null>
  parked(): Promise<ReadonlyMap<string, number>>
  /** Forgets what was gone a week ago. */
  forget(): Promise<void>
}

type Batch = {
  puts: readonly ToldEntry[]
  drops: readonly ToldEntry[]
  aside: readonly AsideEntry[]
  /** Keys of drops that only the service's own tables have. */
  ownExtras: ReadonlySet<string>
  forced: boolean
  epoch: string
}

/** Rows that one transaction looks at, beside those of a page. */
const SPAN_ROWS_MAX = 2000

export function createReplica({ transaction, onChanges, listOwnDifferences }: ReplicaOptions): Replica {
  const ownTables = createOwnTables(listOwnDifferences)

  async function writeBatch(query: ReplicaQuery, { generation }: Place, batch: Batch): Promise<readonly ToldEntry[]> {
    const { forced, epoch } = batch
    const put = await putEntries(query, batch.puts, { generation, forced })
    const dropped = await dropEntries(query, batch.drops, { epoch, generation })
    await unparkEntries(query, [...batch.puts, ...batch.drops], forced)
    await parkEntries(query, batch.aside, { generation, forced })
    const changes = [
      ...put,
      ...batch.drops.filter((drop) => dropped.has(keyOf(drop)) || batch.ownExtras.has(keyOf(drop))),
    ]
    if (changes.length > 0) await onChanges?.(query, changes as readonly unknown[] as readonly ReplicaChange[])
    return changes
  }

  function writeOnce(held: Place, batch: Batch, to: Partial<Place>): Promise<Written | null> {
    return transaction(async (query) => {
      const place = await movePlace(query, held, to)
      if (place === null) return null
      const changes = await writeBatch(query, place, batch)
      return {
        place,
        kinds: new Set(changes.map(({ kind }) => kind)),
        settled: batch.puts.length + batch.drops.length + batch.aside.length,
        parked: countKinds(batch.aside),
      }
    })
  }

  async function write(held: Place, batch: Batch, to: Partial<Place>, signal?: AbortSignal): Promise<Written | null> {
    try {
      return await writeOnce(held, batch, to)
    } catch (error) {
      if (isOutOfTime(error) && batch.puts.length + batch.drops.length > 1) {
        return writeInHalves(held, batch, to, signal)
      }
      if (isOfTheDatabase(error) || batch.puts.length + batch.drops.length === 0) throw error
      return writeOneByOne(held, batch, to, signal)
    }
  }

  /** What a slow database has no time for at once it may have time for in parts. What fails by itself comes last. */
  async function writeInHalves(
    held: Place,
    batch: Batch,
    to: Partial<Place>,
    signal?: AbortSignal,
  ): Promise<Written | null> {
    const parts = halvesOf(batch)
    const failed: Batch[] = []
    const kinds = new Set<string>()
    let [place, settled] = [held, 0]
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      signal?.throwIfAborted()
      try {
        const written = await writeOnce(place, part, {})
        if (written === null) return null
        place = written.place
        settled += written.settled
        for (const kind of written.kinds) kinds.add(kind)
      } catch (error) {
        if (isOutOfTime(error) && part.puts.length + part.drops.length > 1) parts.unshift(...halvesOf(part))
        else if (isOfTheDatabase(error)) throw error
        else failed.push(part)
      }
    }
    const left = {
      ...batch,
      puts: failed.flatMap(({ puts }) => puts),
      drops: failed.flatMap(({ drops }) => drops),
    }
    const last = await writeOneByOne(place, left, to, signal)
    return last && { ...last, kinds: new Set([...kinds, ...last.kinds]), settled: settled + last.settled }
  }

  /** One that cannot be written holds up no other. Twice round: some wait for others that come after them. */
  async function writeOneByOne(
    held: Place,
    batch: Batch,
    to: Partial<Place>,
    signal?: AbortSignal,
  ): Promise<Written | null> {
    const nothing = nothingOf(batch)
    const all = singlesOf(batch)
    const kinds = new Set<string>()
    let [place, settled] = [held, 0]
    let failed: { single: Batch; error: unknown }[] = all.map((single) => ({ single, error: null }))
    for (let round = 1; round <= 2; round += 1) {
      const again: typeof failed = []
      for (const { single } of failed) {
        signal?.throwIfAborted()
        try {
          const written = await writeOnce(place, single, {})
          if (written === null) return null
          place = written.place
          settled += written.settled
          for (const kind of written.kinds) kinds.add(kind)
        } catch (error) {
          if (isOfTheDatabase(error)) throw error
          again.push({ single, error })
        }
      }
      failed = again
    }
    // What could not be dropped stays, and is found by the next comparison.
    const aside = failed.flatMap(({ single, error }) =>
      single.puts.map((entry) => ({ ...entry, reason: failureOf(error) })),
    )
    const last = await writeOnce(place, { ...nothing, aside: [...batch.aside, ...aside] }, to)
    return last === null ? null : { ...last, kinds, settled: settled + last.settled }
  }

  /** Of these rows: what the centre lists is put, or put aside; what it does not list is dropped. */
  function batchOf(
    rows: readonly (EntityKey & Partial<Difference>)[],
    entries: readonly ToldEntry[],
    epoch: string,
  ): Batch {
    const keys = new Set(rows.map(keyOf))
    const listed = entries.filter((entry) => keys.has(keyOf(entry)))
    const listedKeys = new Set(listed.map(keyOf))
    const gone = rows.filter((row) => !listedKeys.has(keyOf(row)))
    const { known, aside } = sortOut(listed)
    return {
      puts: known,
      drops: gone.map(({ kind, id }) => ({ kind, id, epoch, revision: 0, state: null })),
      aside,
      ownExtras: new Set(rows.filter(({ own }) => own === 'extra').map(keyOf)),
      forced: true,
      epoch,
    }
  }

  function look({ span, entries, epoch }: SpanListing) {
    return transaction(async (query) => {
      const narrowed = await narrowSpan(query, span, SPAN_ROWS_MAX)
      const { through } = narrowed
      const told = newestOf(entries, epoch).filter((entry) => through === null || !isAfter(entry, through))
      return { told, through, differences: await allDifferencesIn(query, narrowed, told) }
    })
  }

  async function allDifferencesIn(query: ReplicaQuery, span: Span, told: readonly ToldEntry[]) {
    return ownTables.addTo(query, span, { differences: await differencesIn(query, span, told), told })
  }

  return {
    place: () => transaction(readPlace),
    apply: (held, page, signal) => {
      const { known, aside } = sortOut(newestOf(page.entries, page.epoch))
      const batch = { puts: known, drops: [], aside, ownExtras: new Set<string>(), forced: false, epoch: page.epoch }
      return write(held, batch, { epoch: page.epoch, cursor: page.cursor }, signal)
    },
    replace: async (held, listing, moveTo, { isAnew = false, keepsExtra = false, signal } = {}) => {
      const { told, through, differences } = await look(listing)
      const kept = keepsExtra ? differences.filter(({ revision }) => revision !== null) : differences
      const rows = isAnew ? [...kept, ...told] : kept
      const written = await write(held, batchOf(rows, told, listing.epoch), moveTo(through), signal)
      return written === null ? null : { ...written, through, differing: differences.length }
    },
    move: (held, to) => transaction((query) => movePlace(query, held, to)),
    mend: async (held, rows, { span, entries, epoch }, signal) => {
      const told = newestOf(entries, epoch)
      const now = await transaction((query) => allDifferencesIn(query, span, told))
      const heldNow = new Map(now.map((row) => [keyOf(row), wordOf(row)]))
      const unmoved = rows.filter((row) => heldNow.get(keyOf(row)) === wordOf(row))
      return write(held, batchOf(unmoved, told, epoch), {}, signal)
    },
    holdsAsTold: (range) =>
      transaction(async (query) => (await holdsAsTold(query, range)) && (await ownTables.agree(query, range))),
    countHeld: (span) => transaction((query) => countHeld(query, span)),
    differences: async (listing) => {
      const { through, differences } = await look(listing)
      return { through, differences }
    },
    retryParked: async (held, signal) => {
      const kinds = new Set<string>()
      let [place, settled] = [held, 0]
      let after: EntityKey = { kind: '', id: '' }
      for (;;) {
        const from = after
        const entries = await transaction((query) => listParked(query, from))
        const last = entries.at(-1)
        if (last === undefined) return { place, kinds, settled, parked: new Map() }
        after = { kind: last.kind, id: last.id }
        const { known } = sortOut(entries)
        if (known.length === 0) continue
        const batch = {
          puts: known,
          drops: [],
          aside: [],
          ownExtras: new Set<string>(),
          forced: false,
          epoch: last.epoch,
        }
        const written = await write(place, batch, {}, signal)
        if (written === null) return null
        place = written.place
        settled += written.settled
        for (const kind of written.kinds) kinds.add(kind)
      }
    },
    parked: () => transaction(countParked),
    forget: async () => {
      while (await transaction(forgetGone));
    },
  }
}

/** No fault of what was to be written: the page is repeated. */
function isOfTheDatabase(error: unknown): boolean {
  return isFleeting(error) || isOutOfTime(error)
}

function nothingOf(batch: Batch): Batch {
  return { ...batch, puts: [], drops: [], aside: [] }
}

function singlesOf(batch: Batch): Batch[] {
  return [
    ...batch.drops.map((entry) => ({ ...nothingOf(batch), drops: [entry] })),
    ...batch.puts.map((entry) => ({ ...nothingOf(batch), puts: [entry] })),
  ]
}

/** Without what is put aside. */
function halvesOf(batch: Batch): Batch[] {
  const singles = singlesOf(batch)
  const middle = Math.ceil(singles.length / 2)
  return [singles.slice(0, middle), singles.slice(middle)].map((half) => ({
    ...nothingOf(batch),
    puts: half.flatMap(({ puts }) => puts),
    drops: half.flatMap(({ drops }) => drops),
  }))
}

function wordOf({ held, gone, own }: Difference): string {
  return JSON.stringify([held, gone, own])
}

function countKinds(entries: readonly EntityKey[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { kind } of entries) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}
