// Now and then the whole copy is compared with the centre, and what differs is mended: nothing should, so whatever did is
// told loudly, once. Whoever was erased here and is listed by the centre again stays erased, and the centre is told.
import { ERASED_LISTED_MAX, type RegionReport } from '@meridian/protocol/region-report'
import type { DriftRow } from '@meridian/protocol/sync-orders'
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { FeedFollower } from '@meridian/resource-server/feed-follower'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import { listErasedAmong } from '../store/erased-subjects.ts'
import type { RegionDatabase } from '../store/open-store.ts'

type Drift = NonNullable<RegionReport['drift']>

export type Reconciler = {
  /** The first comparison is a quarter of an hour away. */
  start(): void
  /** Compares now, or joins the comparison under way. */
  refresh(): Promise<void>
  /** Who was erased here and is listed by the centre, as far as the last comparison named rows. */
  erasedListed(): readonly string[]
  /** What the latest comparison found that found something; null: none did since the start. */
  drift(): Drift | null
  /** Rows that differed in the last comparison, mended since or not. */
  driftRows(): number
  stop(): void
}

const RECONCILE_EVERY_MS = 15 * 60_000

export function createReconciler(options: {
  readonly follower: Pick<FeedFollower, 'repair'>
  readonly database: RegionDatabase
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}): Reconciler {
  const { follower, schedule, log } = options
  let cancelFirst = () => {}
  let namedBefore: ReadonlySet<string> = new Set()
  let erasedListed: readonly string[] = []
  let drift: Drift | null = null
  let driftRows = 0

  async function noteErased(named: readonly DriftRow[]): Promise<void> {
    const subjects = named.filter(({ kind }) => kind === 'user' || kind === 'organization').map(({ id }) => id)
    const erased = await listErasedAmong(options.database, subjects)
    const news = erased.filter((id) => !erasedListed.includes(id))
    if (news.length > 0) log.error({ erased: news, alarm: true }, 'the centre lists again whom this region has erased')
    erasedListed = erased.slice(0, ERASED_LISTED_MAX)
  }

  async function reconcile(): Promise<number> {
    const { rows, differing, mended, named } = await follower.repair()
    driftRows = differing
    if (differing > 0) drift = { at: new Date(options.nowMs()).toISOString(), differing, mended }
    await noteErased(named)
    const news = named.filter((row) => !namedBefore.has(JSON.stringify(row)))
    namedBefore = new Set(named.map((row) => JSON.stringify(row)))
    if (differing === 0) log.info({ rows }, 'what is held is what the centre has')
    else if (news.length === 0) log.warn({ rows, differing }, 'what is held differs as it did')
    else log.error({ rows, differing, mended, named: news.slice(0, 20), alarm: true }, 'what is held had drifted')
    return RECONCILE_EVERY_MS
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: reconcile,
    onFailure: (error) => log.warn({ err: error }, 'what is held could not be compared with the centre'),
    retry: { firstMs: 60_000, lastMs: RECONCILE_EVERY_MS },
  })
  return {
    start: () => {
      cancelFirst = schedule(background.start, RECONCILE_EVERY_MS * (0.9 + 0.1 * options.random()))
    },
    refresh: background.refresh,
    erasedListed: () => erasedListed,
    drift: () => drift,
    driftRows: () => driftRows,
    stop: () => {
      cancelFirst()
      background.stop()
    },
  }
}
