// What a region counts. Names are what infra/monitoring/ alerts on.
import type { Metrics } from '@meridian/service-kit/metrics'
import type { Deps } from './deps.ts'
import { readGauges } from './replica/describe-state.ts'

export function addReplicaMetrics({ metrics, directory, revocationFollower }: Deps): void {
  const stale = gauge(metrics, 'stale_seconds', 'Since a lane was last known to its end; +Inf: not since the start.', [
    'lane',
  ])
  const behind = gauge(metrics, 'behind_seconds', 'Age of the oldest change that is not here, as the centre said last.')
  const parked = gauge(metrics, 'parked_entries', 'Entries that are put aside because they are not understood.')
  const drift = gauge(
    metrics,
    'drift_rows',
    'Rows that differed when this process last compared by itself, mended since.',
  )
  const rebuilding = gauge(metrics, 'rebuilding', '1 while everything is read anew.')
  const rebuilt = gauge(metrics, 'rebuilt_rows', 'Rows that the rebuild under way has read.')
  const applied = metrics.counter({
    name: 'meridian_replica_applied_total',
    help: 'Transactions that applied entries of the change feed here, of all processes of this region.',
    labels: [],
  })
  directory.follower.onApplied(() => applied.inc())
  metrics.beforeReading(async () => {
    const now = readGauges({ follower: directory.follower, revocationFollower })
    stale.set({ lane: 'changes' }, now.feedStaleSeconds)
    stale.set({ lane: 'revocations' }, now.revocationsStaleSeconds)
    behind.set(now.feedBehindSeconds ?? Number.POSITIVE_INFINITY)
    drift.set(directory.reconciler.driftRows())
    rebuilding.set(now.isRebuilding ? 1 : 0)
    rebuilt.set(now.rebuiltRows)
    const kinds = await directory.replica.parked()
    parked.set([...kinds.values()].reduce((sum, count) => sum + count, 0))
  })
}

function gauge<L extends string = never>(metrics: Metrics, name: string, help: string, labels: readonly L[] = []) {
  return metrics.gauge({ name: `meridian_replica_${name}`, help, labels })
}
