// The region's copy of the directory: the follower of the change feed, and what hangs on it. It is loaded before anything
// is served, and serves while the centre is away.
import type { Schedule } from '@meridian/resource-server/background-refresh'
import type { Centre } from '@meridian/resource-server/centre'
import { createFeedFollower, type FeedFollower } from '@meridian/resource-server/feed-follower'
import { createFeedLoaders } from '@meridian/resource-server/feed-loaders'
import type { TenantHosts } from '@meridian/resource-server/host-map'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import { createReplica, type Replica } from '@meridian/resource-server/replica'
import { keepDirectoryChanges } from '../store/directory-changes.ts'
import { listDirectoryDifferences } from '../store/directory-drift.ts'
import type { RegionDatabase } from '../store/open-store.ts'
import { createReplicaTransaction, queryOf } from '../store/replica-transaction.ts'
import { createOrderWorker, type OrderWorker } from './carry-out-orders.ts'
import { createClientOrigins } from './client-origins.ts'
import { createNewsFollower, type NewsFollower, type NewsListener } from './follow-news.ts'
import { createKnownMembers } from './known-members.ts'
import { createKnownModules } from './known-modules.ts'
import { createReconciler, type Reconciler } from './reconcile.ts'
import { createHostRefresher } from './refresh-hosts.ts'
import { createProvisionalSettler, type ProvisionalSettler } from './settle-provisional.ts'

export type DirectoryCopy = {
  readonly replica: Replica
  readonly follower: FeedFollower
  readonly news: NewsFollower
  readonly members: ReturnType<typeof createKnownMembers>
  readonly modules: ReturnType<typeof createKnownModules>
  readonly clientOrigins: ReturnType<typeof createClientOrigins>
  readonly provisional: ProvisionalSettler
  readonly orders: OrderWorker
  readonly reconciler: Reconciler
  /** Loads what is stored, and begins to follow. Rejects where that cannot be read. */
  start(): Promise<void>
  /** Resolves when nothing is being written any more. */
  stop(): Promise<void>
}

export function createDirectoryCopy(options: {
  readonly centre: Centre
  readonly region: string
  readonly database: RegionDatabase
  readonly hosts: Pick<TenantHosts, 'refresh'>
  readonly timesHostsAsked: () => number
  readonly listeners: readonly NewsListener[]
  /** Names this process. */
  readonly holder: string
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}): DirectoryCopy {
  const { centre, region, database, schedule, log } = options
  const members = createKnownMembers(options)
  const modules = createKnownModules(options)
  const clientOrigins = createClientOrigins(options)
  const hostRefresher = createHostRefresher({ hosts: options.hosts, timesAsked: options.timesHostsAsked, schedule })
  const listeners = [members, modules, clientOrigins, hostRefresher, ...options.listeners]
  const news = createNewsFollower({ ...options, listeners })
  const replica = createReplica({
    transaction: createReplicaTransaction(database),
    onChanges: (query, changes) => keepDirectoryChanges(queryOf(query), changes),
    listOwnDifferences: (query, span) => listDirectoryDifferences(queryOf(query), span),
  })
  const orders = createOrderWorker({ ...options, follower: () => follower })
  const follower = createFeedFollower({
    ...options,
    loaders: createFeedLoaders(centre, region),
    replica,
    onOrders: orders.take,
  })
  follower.onApplied(() => {
    news.refresh().catch((error: unknown) => log.warn({ err: error }, 'what was applied here could not be read'))
  })
  const reconciler = createReconciler({ ...options, follower })
  const provisional = createProvisionalSettler({ ...options, caughtUpAtMs: follower.caughtUpAtMs })
  return {
    replica,
    follower,
    news,
    members,
    modules,
    clientOrigins,
    provisional,
    orders,
    reconciler,
    start: async () => {
      await news.start()
      await clientOrigins.load()
      await follower.start()
      provisional.start()
      reconciler.start()
    },
    stop: async () => {
      reconciler.stop()
      orders.stop()
      await follower.stop()
      await orders.settle()
      provisional.stop()
      hostRefresher.stop()
      news.stop()
    },
  }
}
