// A centre that is simulated: what a region may see, a log of what has changed, and everything that can happen to both.
// Ranges and pages are small, so that a few dozen entities are many of them.
import { createHash } from 'node:crypto'
import type { ChangesPage, DigestRange, ReceivedChanges, ReceivedEntry } from '@meridian/protocol/feed'
import { CursorGone, type FeedLoaders } from '@meridian/resource-server/feed-loaders'

type State = Record<string, unknown>
type Logged = { kind: string; id: string; seq: number; nonce: number; atMs: number }
type History = {
  epoch: bigint
  seq: number
  horizon: number
  log: Logged[]
  /** Of every entry that there was, also of those that were compacted: what followers were told. */
  nonces: Map<number, number>
  entities: Map<string, ReceivedEntry>
}

const RANGE_ENTRIES = 3
const DIGEST_RANGES = 2
const SNAPSHOT_ENTRIES = 4

const keyOf = ({ kind, id }: { kind: string; id: string }) => `${kind}/${id}`
const splitKey = (key: string) => ({ kind: key.slice(0, key.indexOf('/')), id: key.slice(key.indexOf('/') + 1) })
function compareKeys(one: string, other: string): number {
  const [a, b] = [splitKey(one), splitKey(other)]
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1
  return a.id === b.id ? 0 : a.id < b.id ? -1 : 1
}

/** As PostgreSQL writes a jsonb, for states of one member each. */
const jsonbText = (state: State) => JSON.stringify(state).replaceAll('":', '": ').replaceAll('",', '", ')

export type FeedCentre = ReturnType<typeof makeFeedCentre>

export function makeFeedCentre() {
  let history: History = {
    epoch: 1n,
    seq: 0,
    horizon: 0,
    log: [],
    nonces: new Map([[0, 0]]),
    entities: new Map(),
  }
  let saved = structuredClone(history)
  let [nowMs, nonce, greatestEpoch] = [1_000_000, 0, 1n]
  /** Entries after it belong to transactions that are told when an older one ends. */
  let heldSeq = Number.POSITIVE_INFINITY
  let pageLimit = 3

  const cursorOf = (seq: number) => `${history.epoch}.${seq}.${history.nonces.get(seq)}`

  function place(cursor: string | null): number {
    if (cursor === null) return 0
    const [epoch, seq, known] = cursor.split('.')
    const at = Number(seq)
    if (epoch !== String(history.epoch) || history.nonces.get(at) !== Number(known) || at < history.horizon) {
      throw new CursorGone()
    }
    return at
  }

  /** The last entry that everything before has been told of. */
  function settledCursor(): string {
    return cursorOf(Math.min(history.seq, heldSeq))
  }

  function visible(after: string | null, through: string | null): ReceivedEntry[] {
    return [...history.entities.entries()]
      .filter(([key, { state }]) => state !== null && (after === null || compareKeys(key, after) > 0))
      .filter(([key]) => through === null || compareKeys(key, through) <= 0)
      .sort(([one], [other]) => compareKeys(one, other))
      .map(([, entry]) => entry)
  }

  const tick = () => {
    nowMs += 50
  }

  const loaders: FeedLoaders = {
    loadChanges: async (after, waitSeconds): Promise<ReceivedChanges> => {
      tick()
      const from = place(after)
      const untold = history.log.filter(({ seq }) => seq > from)
      const page = untold.filter(({ seq }) => seq <= heldSeq).slice(0, pageLimit)
      const last = page.at(-1)
      const next = untold[page.length]
      if (last === undefined && next !== undefined) nowMs += waitSeconds * 1000
      const entries = [...new Set(page.map(keyOf))].map((key) => history.entities.get(key)!)
      return structuredClone({
        epoch: String(history.epoch),
        entries,
        cursor: last === undefined ? (after ?? cursorOf(0)) : cursorOf(last.seq),
        more: next !== undefined && next.seq <= heldSeq,
        behind_seconds: next === undefined ? 0 : (nowMs - next.atMs) / 1000,
        orders: [] as ChangesPage['orders'],
      })
    },
    loadSnapshot: async ({ after, through }) => {
      tick()
      const all = visible(after, through)
      const entries = all.slice(0, SNAPSHOT_ENTRIES)
      const last = entries.at(-1)
      const next = all.length > entries.length && last !== undefined ? keyOf(last) : null
      return structuredClone({ epoch: String(history.epoch), entries, cursor: settledCursor(), next })
    },
    loadDigests: async (after) => {
      tick()
      const all = visible(after, null)
      const ranges: DigestRange[] = []
      for (let from = after, begin = 0; ranges.length < DIGEST_RANGES; begin += RANGE_ENTRIES) {
        const entries = all.slice(begin, begin + RANGE_ENTRIES)
        const isLast = begin + RANGE_ENTRIES >= all.length
        const through = isLast ? null : keyOf(entries.at(-1)!)
        ranges.push({ after: from, through, count: entries.length, digest: digestOf(entries) })
        if (isLast) break
        from = through
      }
      return { epoch: String(history.epoch), cursor: settledCursor(), ranges, next: ranges.at(-1)!.through }
    },
  }

  return {
    loaders,
    nowMs: () => nowMs,
    advanceSeconds: (seconds: number) => {
      nowMs += seconds * 1000
    },
    /** Null: to be seen no more. */
    change: (kind: string, id: string, state: State | null): void => {
      tick()
      const known = history.entities.get(keyOf({ kind, id }))
      if (state === null && (known === undefined || known.state === null)) return
      history.seq += 1
      nonce += 1
      history.nonces.set(history.seq, nonce)
      history.log.push({ kind, id, seq: history.seq, nonce, atMs: nowMs })
      history.entities.set(keyOf({ kind, id }), { kind, id, revision: history.seq, state })
    },
    /** By mistake: neither lists nor changes have them any more. */
    lose: (ids: readonly string[]): void => {
      for (const [key, { id }] of [...history.entities]) if (ids.includes(id)) history.entities.delete(key)
      history.log = history.log.filter(({ id }) => !ids.includes(id))
    },
    /** From now on what is written is seen in lists, and told later. */
    hold: () => {
      heldSeq = Math.min(heldSeq, history.seq)
    },
    release: () => {
      heldSeq = Number.POSITIVE_INFINITY
    },
    /** Only the last entry of an entity stays. */
    compact: () => {
      history.log = history.log.filter(({ seq, ...key }) => history.entities.get(keyOf(key))?.revision === seq)
    },
    /** What is gone is forgotten. */
    forgetGone: () => {
      if (heldSeq !== Number.POSITIVE_INFINITY) return
      const gone = history.log.filter((entry) => history.entities.get(keyOf(entry))?.state === null)
      history.horizon = gone.at(-1)?.seq ?? history.horizon
      history.log = history.log.filter((entry) => !gone.includes(entry))
    },
    save: () => {
      saved = structuredClone(history)
    },
    restore: ({ isTold }: { isTold: boolean }) => {
      history = structuredClone(saved)
      heldSeq = Number.POSITIVE_INFINITY
      if (isTold) {
        greatestEpoch += 1n
        history.epoch = greatestEpoch
      }
    },
    /** Somebody notices that it has come back under an epoch that it had left: followers refuse that, loudly. */
    declareRestored: () => {
      if (history.epoch === greatestEpoch) return
      greatestEpoch += 1n
      history.epoch = greatestEpoch
    },
    setPageLimit: (limit: number) => {
      pageLimit = limit
    },
    cursor: settledCursor,
    epoch: () => String(history.epoch),
    view: () => visible(null, null),
  }
}

export function digestOf(entries: readonly ReceivedEntry[]): string {
  let sum = 0n
  for (const { kind, id, revision, state } of entries) {
    const hash = createHash('sha256').update([kind, id, revision, jsonbText(state ?? {})].join('\n'), 'utf8')
    sum += BigInt(`0x${hash.digest('hex').slice(0, 15)}`)
  }
  return String(sum)
}
