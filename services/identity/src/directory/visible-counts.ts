import type { Deps } from '../deps.ts'
import { countVisible, type VisibleRow } from '../store/region-health.ts'

const KEPT_MS = 60_000

/** What each region should hold, as counted within a minute: all memberships are read for it. Whoever asks meanwhile shares it. */
export function createVisibleCounts(
  count: () => Promise<readonly VisibleRow[]>,
  nowMs: () => number,
): () => Promise<readonly VisibleRow[]> {
  let kept: { readonly rows: Promise<readonly VisibleRow[]>; readonly atMs: number } | undefined
  return () => {
    if (kept !== undefined && nowMs() - kept.atMs < KEPT_MS) return kept.rows
    const counting = { rows: count(), atMs: nowMs() }
    kept = counting
    counting.rows.catch(() => {
      if (kept === counting) kept = undefined
    })
    return counting.rows
  }
}

export function keepVisibleCounts({ db }: Pick<Deps, 'db'>): () => Promise<readonly VisibleRow[]> {
  return createVisibleCounts(
    () => countVisible(db),
    () => performance.now(),
  )
}
