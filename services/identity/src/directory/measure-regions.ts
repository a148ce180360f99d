// Brings the numbers about regions and queues up to date, when they are read.
import { CHECKPOINT_SECONDS } from '../audit/seal.ts'
import type { Deps } from '../deps.ts'
import { listFollowers, listRegionsWithHealth } from '../store/region-health.ts'
import { readQueueStatus } from '../store/service-status.ts'

const HEALTHS = ['healthy', 'lagging', 'unreachable'] as const

export async function measureRegions({ db, metrics }: Pick<Deps, 'db' | 'metrics'>): Promise<void> {
  const [regions, followers, queues] = await Promise.all([
    listRegionsWithHealth(db),
    listFollowers(db),
    readQueueStatus(db, CHECKPOINT_SECONDS),
  ])
  // What is gone must not be told for ever.
  const { canaryUnknown, health, driftRows, keysMissing, lagEntries, lagSeconds, parked, clockSkew } = metrics
  for (const gauge of [canaryUnknown, health, driftRows, keysMissing, lagEntries, lagSeconds, parked, clockSkew])
    gauge.reset()
  for (const { code: region, ...row } of regions) {
    for (const name of HEALTHS) health.set({ region, health: name }, row.health === name ? 1 : 0)
    canaryUnknown.set({ region }, row.canary_unknown_seconds ?? 0)
    keysMissing.set({ region }, row.keys_missing)
    driftRows.set({ region }, Math.max(row.drift_rows ?? 0, row.drift_found_rows ?? 0))
  }
  for (const { region, client_id: follower, ...row } of followers) {
    lagEntries.set({ region, follower }, row.behind_entries)
    lagSeconds.set({ region, follower }, row.behind_seconds)
    parked.set({ region, follower }, row.report?.parked ?? 0)
    if (row.clock_skew_ms !== null) clockSkew.set({ region, follower }, row.clock_skew_ms / 1000)
  }
  for (const { queue, waiting, oldest_seconds: oldest } of queues) {
    metrics.queueWaiting.set({ queue }, waiting)
    metrics.queueOldest.set({ queue }, oldest ?? 0)
  }
}
