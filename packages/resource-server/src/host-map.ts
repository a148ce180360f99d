// Which organization a host belongs to, as this region holds it: kept in the region's own database,
// refreshed in the background, served stale for a day. Neutral API hosts come from settings.
import type { HostEntry, HostMap } from '@meridian/protocol/hosts'
import type { OrgId } from '@meridian/protocol/ids'
import { createBackgroundRefresh, type Schedule } from './background-refresh.ts'
import { boundHosts } from './host-bound.ts'
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
  | { kind: 'tenant'; orgId: OrgId; status: 'active' | 'maintenance' }
  /** Another host has taken its place. */
  | { kind: 'moved'; to: string }
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
  let known: ReadonlyMap<string, HostResolution> = new Map()
  let saved: StoredHostMap | null = null

  async function load(): Promise<void> {
    const stored = await store.load()
    if (stored === null || current !== null || stored.map.region !== options.region) return
    known = indexHosts(stored.map, log)
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
    const told = await options.loadHosts(signal)
    if (told.region !== options.region) throw new Error('the host map is of another region')
    const map = boundHosts(told, log)
    known = indexHosts(map, log)
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
    const found = known.get(host)
    if (found !== undefined) return found
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
function indexHosts(map: HostMap, log: OperationalLog): ReadonlyMap<string, HostResolution> {
  const entries = new Map<string, HostEntry>()
  const disputed = new Set<string>()
  for (const entry of map.hosts) {
    const host = parseHostName(entry.host)
    if (host === null) continue
    const known = entries.get(host)
    if (known !== undefined && known.org_id !== entry.org_id) disputed.add(host)
    entries.set(host, entry)
  }
  if (disputed.size > 0) log.error({ hosts: [...disputed].slice(0, 10) }, 'hosts belong to two organizations')
  return new Map(
    [...entries].flatMap(([host, entry]) => {
      const resolution = disputed.has(host) ? undefined : resolutionOf(host, entry)
      return resolution === undefined ? [] : [[host, resolution]]
    }),
  )
}

/** A redirection to what is no host, or to itself, leads nowhere. */
function resolutionOf(host: string, entry: HostEntry): HostResolution | undefined {
  const { org_id: orgId, status = 'active', redirect_to: redirect } = entry
  if (redirect === undefined) return { kind: 'tenant', orgId, status }
  const to = parseHostName(redirect)
  return to === null || to === host ? undefined : { kind: 'moved', to }
}

function sameHosts(a: StoredHostMap | null, b: StoredHostMap): boolean {
  return a !== null && JSON.stringify(a.map) === JSON.stringify(b.map)
}

function getHostName(setting: string): string {
  const host = parseHostName(setting)
  if (host === null) throw new Error(`not a host name: ${setting}`)
  return host
}
