// Counts what organizations ask of this region, in memory, and adds it to the day's row every few seconds: processes add
// up, and whoever is killed loses one such interval at most. Where the database's answer to adding is lost, what was
// added is added again.
import type { OrgId } from '@meridian/protocol/ids'
import type { TenantUsage } from '@meridian/protocol/region-report'
import type { Meter } from '@meridian/resource-server/admission'
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { RegionDatabase } from '../store/open-store.ts'
import { addUsage } from '../store/usage.ts'

export type UsageMeter = Meter & {
  start(): void
  /** Adds what was counted so far. */
  flush(): Promise<void>
  /** The organizations that asked for something since this was asked last, some of them. */
  takeActive(): readonly OrgId[]
  /** Adds what is left. */
  stop(): Promise<void>
}

const FLUSH_EVERY_MS = 10_000
const RETRY = { firstMs: 5_000, lastMs: 10_000 }
/** Days of organizations that are counted before they are added at once. */
const COUNTED_MAX = 10_000
const ADDED_AT_ONCE = 1_000
const ACTIVE_MAX = 1_000

type Counted = { orgId: OrgId; day: string; requests: number; refused: number }

export function createUsageMeter(options: {
  readonly database: RegionDatabase
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}): UsageMeter {
  let counts = new Map<string, Counted>()
  let active = new Set<OrgId>()

  function add(orgId: OrgId, day: string, requests: number, refused: number): void {
    const key = `${orgId} ${day}`
    const counted = counts.get(key) ?? { orgId, day, requests: 0, refused: 0 }
    counted.requests += requests
    counted.refused += refused
    counts.set(key, counted)
  }

  async function write(): Promise<number> {
    const taken = [...counts.values()]
    counts = new Map()
    while (taken.length > 0) {
      const some = taken.splice(0, ADDED_AT_ONCE)
      try {
        await addUsage(options.database, some.map(usageOf))
      } catch (error) {
        for (const { orgId, day, requests, refused } of [...some, ...taken]) add(orgId, day, requests, refused)
        throw error
      }
    }
    return FLUSH_EVERY_MS
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: write,
    onFailure: (error) => options.log.warn({ err: error }, 'usage could not be added; it is tried again'),
    retry: RETRY,
  })

  return {
    count: (orgId, outcome) => {
      add(orgId, new Date(options.nowMs()).toISOString().slice(0, 10), 1, outcome === 'refused' ? 1 : 0)
      if (active.size < ACTIVE_MAX) active.add(orgId)
      if (counts.size >= COUNTED_MAX) void background.refreshEarly()
    },
    start: background.start,
    flush: background.refresh,
    takeActive: () => {
      const taken = [...active]
      active = new Set()
      return taken
    },
    stop: async () => {
      await background.refresh()
      background.stop()
    },
  }
}

function usageOf({ orgId, day, requests, refused }: Counted): TenantUsage {
  return { org_id: orgId, day, requests, refused }
}
