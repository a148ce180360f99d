// How this region stands, for the centre and for gauges.
import type { FeedFollower } from '@meridian/resource-server/feed-follower'
import type { KeyStore } from '@meridian/resource-server/key-ring'
import type { Replica } from '@meridian/resource-server/replica'
import type { RevocationFollower } from '@meridian/resource-server/revocation-follower'
import type { RegionDatabase } from '../store/open-store.ts'
import { countHeld } from '../store/tenant-counts.ts'
import type { Reconciler } from './reconcile.ts'
import type { KeyReporter } from './report-keys.ts'
import type { RegionState } from './report-state.ts'

const OLD_SECONDS = 60

type Sources = {
  readonly database: RegionDatabase
  readonly replica: Pick<Replica, 'parked'>
  readonly follower: Pick<FeedFollower, 'place' | 'behindSeconds' | 'staleSeconds'>
  readonly revocationFollower: Pick<RevocationFollower, 'staleSeconds'>
  readonly keyReporter: Pick<KeyReporter, 'held'>
  readonly keyStore: Pick<KeyStore, 'load'>
  readonly reconciler: Pick<Reconciler, 'erasedListed' | 'drift'>
}

/** What is in memory. Infinite: not once since the start. */
export type Gauges = {
  readonly feedStaleSeconds: number
  readonly feedBehindSeconds: number | null
  readonly revocationsStaleSeconds: number
  readonly isRebuilding: boolean
  /** Rows that the rebuild under way has read. */
  readonly rebuiltRows: number
}

export function readGauges({ follower, revocationFollower }: Pick<Sources, 'follower' | 'revocationFollower'>): Gauges {
  const rebuild = follower.place()?.rebuild ?? null
  return {
    feedStaleSeconds: follower.staleSeconds(),
    feedBehindSeconds: follower.behindSeconds(),
    revocationsStaleSeconds: revocationFollower.staleSeconds(),
    isRebuilding: rebuild !== null,
    rebuiltRows: rebuild?.rows ?? 0,
  }
}

/** In a word, what is worth telling at once. */
export function conditionOf(gauges: Gauges): string {
  const { feedStaleSeconds, revocationsStaleSeconds, feedBehindSeconds, isRebuilding } = gauges
  const isOld = [feedStaleSeconds, revocationsStaleSeconds, feedBehindSeconds ?? 0].map((s) => s > OLD_SECONDS)
  return [...isOld, isRebuilding].join()
}

export async function describeState(sources: Sources): Promise<RegionState> {
  const gauges = readGauges(sources)
  const place = sources.follower.place()
  const parked = await sources.replica.parked()
  const drift = sources.reconciler.drift()
  return {
    epoch: place?.epoch ?? null,
    cursor: place?.cursor ?? null,
    behind_seconds: gauges.feedBehindSeconds,
    feed_stale_seconds: finite(gauges.feedStaleSeconds),
    revocations_stale_seconds: finite(gauges.revocationsStaleSeconds),
    kids: [...(sources.keyReporter.held() ?? (await storedKids(sources.keyStore)))].slice(0, 100),
    held: await countHeld(sources.database),
    parked: [...parked.values()].reduce((sum, count) => sum + count, 0),
    erased_listed: [...sources.reconciler.erasedListed()],
    rebuilding: gauges.isRebuilding,
    ...(drift === null ? {} : { drift }),
  }
}

async function storedKids(store: Pick<KeyStore, 'load'>): Promise<readonly string[]> {
  return (await store.load()).filter(({ withdrawnAtMs }) => withdrawnAtMs === null).map(({ jwk }) => jwk.kid)
}

function finite(seconds: number): number | null {
  return Number.isFinite(seconds) ? seconds : null
}
