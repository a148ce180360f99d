// Which organization a host belongs to, as this region holds it: kept in the region's own database,
// refreshed in the background, served stale for a day. Neutral API hosts come from settings.
import type { HostMap } from '@meridian/protocol/hosts'
import type { OrgId } from '@meridian/protocol/ids'
import { createBackgroundRefresh, type Schedule } from './background-refresh.ts'
import { parseHostName } from './host-name.ts'
import type { OperationalLog } from './operational-log.ts'

export interface StoredHostMap {
  map: HostMap
  loadedAtMs: number
}

export interface HostStore {
  load(): Promise<StoredHostMap | null>
  /** Replaces what is stored. */
  save(stored: StoredHostMap): Promise<void>
}

export type HostResolution =
  | { kind: 'neutral' }
  | { kind: 'tenant'; orgId: OrgId }
  | { kind: 'unknown' }
  /** Nobody has told us for more than a day: a host may have moved to another organization since. */
  | { kind: 'unavailable' }

export interface HostMapOptions {
  region: string
  neutralHosts: readonly string[]
  /** Asks the centre. */
  loadHosts: (signal: AbortSignal) => Promise<HostMap>
  store: HostStore
  nowMs: () => number
  random: () => number
  schedule: Schedule
  log: OperationalLog
}

export interface TenantHosts {
  /** Loads what is stored and begins to refresh; does not wait for the centre. */
  start(): Promise<void>
  /** Takes a Host header's value. An unknown host brings the next refresh forward, at most each 5 s. */
  resolve(hostHeader: string): HostResolution
  refresh(): Promise<void>
  stop(): void
}

const REFRESH_MS = 60_000
const STALE_MAX_MS = 24 * 3600 * 1000
/** How far behind the stored age may be when nothing else has changed. */
const SAVE_AGE_MS = 3600 * 1000

export function createTenantHosts(options: HostMapOptions): TenantHosts {
  const { store, nowMs, log } = options
  const neutral = new Set(options.neutralHosts.map(getHostName))
  let current: StoredHostMap | null = null
  let orgs = new Map<string, OrgId>()
  let saved: StoredHostMap | null = null

  async function load(): Promise<void> {
    const stored = await store.load()
    if (stored === null || current !== null || stored.map.region !== options.region) return
    orgs = indexHosts(stored.map, log)
    current = saved = stored
  }

  async function save(): Promise<void> {
    if (current === null) return
    const aged = saved === null || current.loadedAtMs - saved.loadedAtMs >= SAVE_AGE_MS
    if (!aged && sameHosts(saved, current)) return
    await store.save(current)
    saved = current
  }

  async function fetchOnce(signal: AbortSignal): Promise<number> {
    const map = await options.loadHosts(signal)
    if (map.region !== options.region) throw new Error('the host map is of another region')
    orgs = indexHosts(map, log)
    current = { map, loadedAtMs: nowMs() }
    await save().catch((error: unknown) => log.error({ err: error }, 'the host map could not be stored'))
    return REFRESH_MS
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce,
    onFailure: (error) => log.warn({ err: error }, 'the host map was not refreshed; known hosts stay'),
  })

  function resolve(hostHeader: string): HostResolution {
    const host = parseHostName(hostHeader)
    if (host === null) return { kind: 'unknown' }
    if (neutral.has(host)) return { kind: 'neutral' }
    if (current === null || nowMs() - current.loadedAtMs > STALE_MAX_MS) {
      void background.refreshEarly()
      return { kind: 'unavailable' }
    }
    const orgId = orgs.get(host)
    if (orgId !== undefined) return { kind: 'tenant', orgId }
    void background.refreshEarly()
    return { kind: 'unknown' }
  }

  return {
    start: async () => {
      await load().catch((error: unknown) => log.error({ err: error }, 'the stored host map could not be loaded'))
      background.start()
    },
    resolve,
    refresh: background.refresh,
    stop: background.stop,
  }
}

/** A host that is named twice belongs to nobody: better unreachable than somebody else's. */
function indexHosts(map: HostMap, log: OperationalLog): Map<string, OrgId> {
  const orgs = new Map<string, OrgId>()
  const disputed = new Set<string>()
  for (const entry of map.hosts) {
    const host = parseHostName(entry.host)
    if (host === null) continue
    const known = orgs.get(host)
    if (known !== undefined && known !== entry.org_id) disputed.add(host)
    orgs.set(host, entry.org_id)
  }
  for (const host of disputed) orgs.delete(host)
  if (disputed.size > 0) log.error({ hosts: [...disputed].slice(0, 10) }, 'hosts belong to two organizations')
  return orgs
}

function sameHosts(a: StoredHostMap | null, b: StoredHostMap): boolean {
  return a !== null && JSON.stringify(a.map) === JSON.stringify(b.map)
}

function getHostName(setting: string): string {
  const host = parseHostName(setting)
  if (host === null) throw new Error(`not a host name: ${setting}`)
  return host
}
