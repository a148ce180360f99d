// What the identity service counts. Names and labels are what infra/monitoring/ alerts on; a label's values are regions,
// their registered clients, and words of ours.
import { createMetrics, type Metrics } from '@meridian/service-kit/metrics'

/** Around the second within which a revocation should be known. */
const CANARY_BUCKETS_SECONDS = [0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60]

export type IdentityMetrics = Readonly<ReturnType<typeof createIdentityMetrics>>

export function createIdentityMetrics(metrics: Metrics = createMetrics()) {
  const ofRegion = ['region'] as const
  const ofFollower = ['region', 'follower'] as const
  return {
    all: metrics,
    entriesTold: metrics.counter({
      name: 'meridian_feed_entries_told_total',
      help: 'Entries of the change feed that were told to a region, repeats included.',
      labels: ofRegion,
    }),
    pollsWaiting: metrics.gauge({
      name: 'meridian_feed_polls_waiting',
      help: 'Questions in either lane that wait for news in this process.',
      labels: [],
    }),
    canary: metrics.histogram({
      name: 'meridian_revocation_canary_seconds',
      help: "From a revocation's commit until the region was known to know it.",
      labels: ofRegion,
      buckets: CANARY_BUCKETS_SECONDS,
    }),
    canaryUnknown: metrics.gauge({
      name: 'meridian_revocation_canary_unknown_seconds',
      help: 'Age of the revocation that a region is not known to know yet; 0 where there is none.',
      labels: ofRegion,
    }),
    health: metrics.gauge({
      name: 'meridian_region_health',
      help: '1 for how a region is: healthy, lagging or unreachable.',
      labels: ['region', 'health'],
    }),
    lagEntries: metrics.gauge({
      name: 'meridian_feed_lag_entries',
      help: 'Changes that a follower has not fetched.',
      labels: ofFollower,
    }),
    lagSeconds: metrics.gauge({
      name: 'meridian_feed_lag_seconds',
      help: 'Age of the oldest change that a follower has not fetched.',
      labels: ofFollower,
    }),
    parked: metrics.gauge({
      name: 'meridian_region_parked_entries',
      help: 'Entries that a region put aside because it does not understand them, as it says.',
      labels: ofFollower,
    }),
    clockSkew: metrics.gauge({
      name: 'meridian_region_clock_skew_seconds',
      help: "A region's clock less the centre's.",
      labels: ofFollower,
    }),
    driftRows: metrics.gauge({
      name: 'meridian_region_drift_rows',
      help: 'Rows of a region that differed: left so by the last order, or found within the hour when it compared by itself.',
      labels: ofRegion,
    }),
    keysMissing: metrics.gauge({
      name: 'meridian_region_keys_missing',
      help: 'Signing keys, published for ten minutes, that a region does not hold.',
      labels: ofRegion,
    }),
    queueWaiting: metrics.gauge({
      name: 'meridian_queue_waiting',
      help: 'What waits to be done: mails, jobs, purges, audit events to seal.',
      labels: ['queue'],
    }),
    queueOldest: metrics.gauge({
      name: 'meridian_queue_oldest_seconds',
      help: 'Age of what waits longest in a queue; 0 where nothing waits.',
      labels: ['queue'],
    }),
  }
}
