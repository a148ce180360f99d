// What everything is built from, as plain arguments. A feature takes the members it needs.

import { createUuidV7, type MakeId } from '@meridian/database/uuid-v7'
import type { Schedule } from '@meridian/resource-server/background-refresh'
import { createCentre } from '@meridian/resource-server/centre'
import { createTenantHosts, type TenantHosts } from '@meridian/resource-server/host-map'
import { createKeyRing, type KeyRing } from '@meridian/resource-server/key-ring'
import { createRevocationFollower, type RevocationFollower } from '@meridian/resource-server/revocation-follower'
import { createRevocations, type Revocations } from '@meridian/resource-server/revocations'
import type { Logger } from '@meridian/service-kit/logger'
import { createMetrics, type Metrics } from '@meridian/service-kit/metrics'
import type { Configuration } from './config.ts'
import { createTenantCounter } from './replica/count-tenants.ts'
import { conditionOf, describeState, readGauges } from './replica/describe-state.ts'
import { createDirectoryCopy, type DirectoryCopy } from './replica/directory-copy.ts'
import { createErasureFollower, type ErasureFollower } from './replica/follow-erasures.ts'
import { createHostLoader } from './replica/load-hosts.ts'
import { createRevocationLoader } from './replica/load-revocations.ts'
import { createKeyReporter, type KeyReporter } from './replica/report-keys.ts'
import { createStateReporter, type StateReporter } from './replica/report-state.ts'
import { createHostStore } from './store/host-map.ts'
import type { RegionDatabase } from './store/open-store.ts'
import { createRevocationStore } from './store/revocations.ts'
import { createKeyStore } from './store/verification-keys.ts'
import { createUsageMeter, type UsageMeter } from './usage/meter.ts'

/** The world outside; main.ts passes the real one. */
export type World = {
  readonly fetch: typeof globalThis.fetch
  readonly nowMs: () => number
  readonly random: () => number
  readonly randomBytes: (size: number) => Uint8Array
  readonly schedule: Schedule
}

export type Deps = {
  readonly database: RegionDatabase
  readonly keys: KeyRing
  readonly keyReporter: KeyReporter
  readonly hosts: TenantHosts
  readonly revocations: Revocations
  readonly revocationFollower: RevocationFollower
  readonly erasures: ErasureFollower
  readonly directory: DirectoryCopy
  readonly usage: UsageMeter
  readonly stateReporter: StateReporter
  readonly makeId: MakeId
  readonly nowMs: () => number
  readonly log: Logger
  readonly metrics: Metrics
}

export function createDeps(configuration: Configuration, database: RegionDatabase, log: Logger, world: World): Deps {
  const background = { nowMs: world.nowMs, random: world.random, schedule: world.schedule, log }
  const centre = createCentre({
    identityUrl: configuration.IDENTITY_URL,
    clientId: configuration.CLIENT_ID,
    clientSecret: configuration.CLIENT_SECRET,
    fetch: world.fetch,
    nowMs: world.nowMs,
  })
  const revocations = createRevocations(world.nowMs)
  const region = configuration.REGION_CODE
  const keyReporter = createKeyReporter({ ...background, centre, region })
  const keyStore = createKeyStore(database)
  const loadHosts = countCalls(createHostLoader(centre, region))
  const hosts = createTenantHosts({
    ...background,
    region,
    neutralHosts: configuration.NEUTRAL_HOSTS,
    loadHosts: loadHosts.call,
    store: createHostStore(database),
  })
  const revocationFollower = createRevocationFollower({
    ...background,
    loadPage: createRevocationLoader(centre, region),
    store: createRevocationStore(database, world.nowMs),
    revocations,
  })
  const makeId = createUuidV7({ now: world.nowMs, randomBytes: world.randomBytes })
  const usage = createUsageMeter({ ...background, database })
  const tenants = createTenantCounter({ ...background, database, takeActive: usage.takeActive })
  const directory = createDirectoryCopy({
    ...background,
    centre,
    region,
    database,
    hosts,
    timesHostsAsked: loadHosts.times,
    listeners: [tenants],
    holder: makeId(),
  })
  const standing = { ...directory, database, revocationFollower, keyReporter, keyStore }
  return {
    database,
    directory,
    usage,
    stateReporter: createStateReporter({
      ...background,
      centre,
      region,
      build: configuration.BUILD,
      database,
      describe: () => describeState(standing),
      condition: () => conditionOf(readGauges(standing)),
      tenants,
    }),
    keyReporter,
    keys: createKeyRing({
      ...background,
      jwksUrl: configuration.JWKS_URL ?? `${configuration.IDENTITY_URL}/oauth/jwks`,
      allowInsecure: configuration.ALLOW_INSECURE_IDENTITY,
      store: keyStore,
      onHeld: keyReporter.hold,
      onRevoked: (kids) => {
        for (const kid of kids) revocations.apply({ kind: 'key', kid })
      },
      fetch: world.fetch,
    }),
    hosts,
    revocations,
    revocationFollower,
    erasures: createErasureFollower({
      ...background,
      centre,
      region,
      database,
      revocations,
    }),
    makeId,
    nowMs: world.nowMs,
    log,
    metrics: createMetrics(),
  }
}

function countCalls<Given extends readonly unknown[], Answer>(call: (...given: Given) => Answer) {
  let times = 0
  return {
    times: () => times,
    call: (...given: Given): Answer => {
      times += 1
      return call(...given)
    },
  }
}

/** Loads what is stored, and begins to follow the centre, in the background. Rejects where what is stored cannot be read. */
export async function startFollowing(deps: Deps): Promise<void> {
  const { keys, hosts, revocationFollower, erasures, directory } = deps
  await Promise.all([keys, hosts, revocationFollower, erasures, directory].map((part) => part.start()))
  deps.usage.start()
  deps.stateReporter.start()
}

/** Resolves when nothing is being written any more. */
export async function stopFollowing(deps: Deps): Promise<void> {
  deps.stateReporter.stop()
  deps.keys.stop()
  deps.hosts.stop()
  deps.keyReporter.stop()
  deps.revocationFollower.stop()
  await deps.directory.stop()
  await deps.erasures.stop()
  await deps.usage.stop()
}
