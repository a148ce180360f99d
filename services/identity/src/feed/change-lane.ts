// The change feed of a region, as its pages are told: changes after a cursor, the snapshot by key, and the digests of it.
// What is told, and why nothing can be missed, is store/feed-*.ts's and infra/decisions/0020-change-feed.md's.
import {
  type ChangesPage,
  DIGEST_PAGE_RANGES,
  DIGEST_RANGE_ENTRIES,
  type DigestsPage,
  type SnapshotPage,
} from '@meridian/protocol/feed'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { readChanges } from '../store/feed-changes.ts'
import { readDigests } from '../store/feed-digests.ts'
import { type Follower, noteAnswered, noteRebuilding, noteRefused, noteTold } from '../store/feed-followers.ts'
import type { KeyPlace } from '../store/feed-rows.ts'
import { readSnapshot } from '../store/feed-snapshot.ts'
import { markRegionSeen } from '../store/region-presence.ts'
import { listOpenOrders } from '../store/sync-orders.ts'
import { createBulkReads } from './bulk-reads.ts'
import { type FeedCursor, formatFeedCursor, parseFeedCursor } from './feed-cursor.ts'
import type { Waiters } from './waiters.ts'

/** Of one client: its processes that are woken together take turns. Waiting for news is no page. */
const PAGES = { atOnceMax: 3, waitingMax: 40 }

export type ChangesQuestion = {
  readonly after: string | undefined
  readonly waitSeconds: number
  readonly limit: number
  readonly signal: AbortSignal
}

export interface ChangeLane {
  /** Throws Refusal (cursor_gone, rate_limited). */
  readChanges(follower: Follower, question: ChangesQuestion): Promise<ChangesPage>
  readSnapshot(
    follower: Follower,
    range: { readonly after: string | undefined; readonly through: string | undefined; readonly limit: number },
  ): Promise<SnapshotPage>
  readDigests(follower: Follower, after: string | undefined): Promise<DigestsPage>
}

type LaneOptions = {
  readonly waiters: Waiters
  /** The follower's database is one from a backup: it has stood further. Called until that is taken. */
  readonly onReturned: (follower: Follower) => Promise<void>
}

export function createChangeLane(deps: Pick<Deps, 'db' | 'metrics'>, { waiters, onReturned }: LaneOptions): ChangeLane {
  const { db } = deps
  // A region has one order at a time; one that was told lets a question wait as if it were not there.
  const toldOrders = new Map<string, string>()
  const readInTurn = createBulkReads(PAGES)

  /** Where a question asks from is noted when it comes: once it has waited, another process may have asked from further on. */
  async function readPage(
    follower: Follower,
    cursor: FeedCursor | undefined,
    { limit, hasWaited }: { readonly limit: number; readonly hasWaited: boolean },
  ): Promise<ChangesPage> {
    const asked = cursor?.place ?? null
    const page = await readChanges(db, follower.region, asked, limit)
    const refusal = cursor === undefined ? undefined : refusalOf(cursor, page)
    if (refusal !== undefined) {
      if (!hasWaited && (await noteRefused(db, follower, asked))) await onReturned(follower)
      throw new Refusal('cursor_gone', refusal)
    }
    const told = page.last ?? asked
    if (hasWaited) await noteAnswered(db, follower, told)
    else if (await noteTold(db, follower, asked, told)) await onReturned(follower)
    return {
      epoch: page.epoch,
      // As store/feed-view.ts makes them.
      entries: page.entries as ChangesPage['entries'],
      cursor: formatFeedCursor({ epoch: page.epoch, place: told }),
      more: page.more,
      behind_seconds: page.behind_seconds,
      orders: [...(await listOpenOrders(db, follower.region))],
    }
  }

  return {
    readChanges: async (follower, { after, waitSeconds, limit, signal }) => {
      const cursor = after === undefined ? undefined : parseFeedCursor(after)
      if (after !== undefined && cursor === undefined) throw new Refusal('cursor_gone', 'no cursor of ours')
      await markRegionSeen(db, follower)
      const { region, clientId } = follower
      const read = (hasWaited: boolean) => readInTurn(clientId, () => readPage(follower, cursor, { limit, hasWaited }))
      let page = await read(false)
      const toldOrder = toldOrders.get(region) ?? null
      const isNews = page.entries.length > 0 || page.orders.some(({ id }) => id !== toldOrder)
      if (!isNews && waitSeconds > 0) {
        const { xid, seq } = cursor?.place ?? { xid: '0', seq: '0' }
        const waiting = { region, after: { xid, seq }, order: toldOrder }
        await waiters.wait(waiting, { clientId, timeoutMs: waitSeconds * 1000, signal })
        page = await read(true)
      }
      for (const { id } of page.orders) toldOrders.set(region, id)
      deps.metrics.entriesTold.inc({ region }, page.entries.length)
      return page
    },

    readSnapshot: async (follower, { after, through, limit }) => {
      await markRegionSeen(db, follower)
      const range = {
        ...(after === undefined ? {} : { after: keyOf(after) }),
        ...(through === undefined ? {} : { through: keyOf(through) }),
      }
      const page = await readSnapshot(db, follower.region, { ...range, limit })
      if (after === undefined && through === undefined) await noteRebuilding(db, follower, page.last)
      return {
        epoch: page.epoch,
        entries: page.entries as SnapshotPage['entries'],
        cursor: formatFeedCursor({ epoch: page.epoch, place: page.last }),
        next: page.read === limit && page.last_key !== null ? textOf(page.last_key) : null,
      }
    },

    readDigests: async (follower, after) => {
      await markRegionSeen(db, follower)
      const page = await readDigests(
        db,
        follower.region,
        after === undefined ? undefined : keyOf(after),
        DIGEST_PAGE_RANGES,
      )
      const isLast = page.ranges.length < DIGEST_PAGE_RANGES || page.ranges.at(-1)?.read !== DIGEST_RANGE_ENTRIES
      const told = page.ranges.length === 0 ? [EMPTY_RANGE] : page.ranges
      const ranges = told.map(({ count, digest, through }, place) => {
        const before = told[place - 1]?.through
        const isOpen = isLast && place === told.length - 1
        return {
          after: before == null ? (after ?? null) : textOf(before),
          through: isOpen || through === null ? null : textOf(through),
          count,
          digest,
        }
      })
      const next = ranges.at(-1)?.through ?? null
      return { epoch: page.epoch, cursor: formatFeedCursor({ epoch: page.epoch, place: page.last }), ranges, next }
    },
  }
}

type ReadPage = Awaited<ReturnType<typeof readChanges>>

function refusalOf({ epoch }: FeedCursor, page: ReadPage): string | undefined {
  if (epoch !== page.epoch) return 'a cursor of another epoch'
  if (!page.is_known) return 'there is no entry at this cursor'
  return page.is_behind_horizon ? 'a cursor from before something was forgotten' : undefined
}

const EMPTY_RANGE = { count: 0, digest: '0', through: null }

function textOf({ kind, id }: KeyPlace): string {
  return `${kind}/${id}`
}

/** Of a text that is one: a kind has no slash, an id may. */
function keyOf(text: string): KeyPlace {
  const slash = text.indexOf('/')
  return { kind: text.slice(0, slash), id: text.slice(slash + 1) }
}
