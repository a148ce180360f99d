// Now and then the whole copy is compared with the centre, and what differs is mended: nothing should, so whatever did is
// told loudly.
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { FeedFollower } from '@meridian/resource-server/feed-follower'
import type { OperationalLog } from '@meridian/resource-server/operational-log'

export type Reconciler = {
  /** The first comparison is a quarter of an hour away. */
  start(): void
  /** Compares now, or joins the comparison under way. */
  refresh(): Promise<void>
  stop(): void
}

const RECONCILE_EVERY_MS = 15 * 60_000

export function createReconciler(options: {
  readonly follower: Pick<FeedFollower, 'repair'>
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}): Reconciler {
  const { follower, schedule, log } = options
  let cancelFirst = () => {}

  async function reconcile(): Promise<number> {
    const { rows, differing, mended, named } = await follower.repair()
    if (differing === 0) log.info({ rows }, 'what is held is what the centre has')
    else log.error({ rows, differing, mended, named: named.slice(0, 20), alarm: true }, 'what is held had drifted')
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
    stop: () => {
      cancelFirst()
      background.stop()
    },
  }
}
