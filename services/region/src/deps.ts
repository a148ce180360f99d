// What everything is built from, as plain arguments. A feature takes the members it needs.

import { createUuidV7, type MakeId } from '@meridian/database/uuid-v7'
import type { Schedule } from '@meridian/resource-server/background-refresh'
import { createTenantHosts, type TenantHosts } from '@meridian/resource-server/host-map'
import { createKeyRing, type KeyRing } from '@meridian/resource-server/key-ring'
import { createRevocations, type Revocations } from '@meridian/resource-server/revocations'
import type { Logger } from '@meridian/service-kit/logger'
import type { Configuration } from './config.ts'
import { createCentre } from './replica/centre.ts'
import { createHostLoader } from './replica/load-hosts.ts'
import { createKeyReporter, type KeyReporter } from './replica/report-keys.ts'
import { createHostStore } from './store/host-map.ts'
import type { RegionDatabase } from './store/open-store.ts'
import { createKeyStore } from './store/verification-keys.ts'

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
  readonly makeId: MakeId
  readonly nowMs: () => number
  readonly log: Logger
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
  const keyReporter = createKeyReporter({ ...background, centre, region: configuration.REGION_CODE })
  return {
    database,
    keyReporter,
    keys: createKeyRing({
      ...background,
      jwksUrl: configuration.JWKS_URL ?? `${configuration.IDENTITY_URL}/oauth/jwks`,
      allowInsecure: configuration.ALLOW_INSECURE_IDENTITY,
      store: createKeyStore(database),
      onHeld: keyReporter.hold,
      onRevoked: (kids) => {
        for (const kid of kids) revocations.apply({ kind: 'key', kid })
      },
      fetch: world.fetch,
    }),
    hosts: createTenantHosts({
      ...background,
      region: configuration.REGION_CODE,
      neutralHosts: configuration.NEUTRAL_HOSTS,
      loadHosts: createHostLoader(centre, configuration.REGION_CODE),
      store: createHostStore(database),
    }),
    revocations,
    makeId: createUuidV7({ now: world.nowMs, randomBytes: world.randomBytes }),
    nowMs: world.nowMs,
    log,
  }
}
