// Which organizations' counts the centre is to be told: those that did something or whose members changed, and a few of
// the others each time, so that all come round. Bounded in time: a report must not be late for want of counts.
import type { OrgId } from '@meridian/protocol/ids'
import type { TenantCounts } from '@meridian/protocol/region-report'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { RegionDatabase } from '../store/open-store.ts'
import { countTenant, leaveChanged, listOrganizationsAfter } from '../store/tenant-counts.ts'
import type { NewsListener } from './follow-news.ts'

export type TenantCounter = NewsListener & {
  /** Counts of organizations that are not what the centre was told last, some at a time. */
  countChanged(): Promise<readonly TenantCounts[]>
}

const TOUCHED_AT_ONCE = 80
const OTHERS_AT_ONCE = 20
const TOUCHED_MAX = 10_000
/** Together 3 s: a count is begun within the first, and may take two. */
const BEGUN_WITHIN_MS = 1_000
const COUNT_TIMEOUT_MS = 2_000
/** How long an organization waits that could not be counted, and one that could not be for long. */
const RETRY = { firstMs: 60_000, lastMs: 24 * 60 * 60_000 }
const FAILED_MAX = 1_000

type Failed = { readonly waitMs: number; readonly untilMs: number }

export function createTenantCounter(options: {
  readonly database: RegionDatabase
  readonly takeActive: () => readonly OrgId[]
  readonly nowMs: () => number
  readonly log: OperationalLog
}): TenantCounter {
  const { database, nowMs, log } = options
  const touched = new Set<OrgId>()
  const failed = new Map<OrgId, Failed>()
  let after: OrgId | null = null

  async function count(orgId: OrgId): Promise<readonly TenantCounts[]> {
    const before = failed.get(orgId)
    if (before !== undefined && nowMs() < before.untilMs) return []
    try {
      const counts = await countTenant(database, orgId, COUNT_TIMEOUT_MS)
      failed.delete(orgId)
      return [counts]
    } catch (error) {
      const waitMs = Math.min(before === undefined ? RETRY.firstMs : before.waitMs * 2, RETRY.lastMs)
      for (const oldest of failed.keys()) if (failed.size >= FAILED_MAX) failed.delete(oldest)
      failed.set(orgId, { waitMs, untilMs: nowMs() + waitMs })
      log.warn({ err: error, org_id: orgId, wait_seconds: waitMs / 1000 }, 'an organization could not be counted')
      return []
    }
  }

  return {
    countChanged: async () => {
      for (const orgId of options.takeActive()) touch(touched, orgId)
      const untilMs = nowMs() + BEGUN_WITHIN_MS
      const others = await listOrganizationsAfter(database, after, OTHERS_AT_ONCE)
      const counts: TenantCounts[] = []
      const seen = new Set<OrgId>()
      const countInTime = async (orgId: OrgId): Promise<boolean> => {
        if (nowMs() >= untilMs) return false
        if (!seen.has(orgId)) counts.push(...(await count(orgId)))
        seen.add(orgId)
        return true
      }
      // Taken out before it is counted: what happens meanwhile puts it back.
      for (const orgId of [...touched].slice(0, TOUCHED_AT_ONCE)) {
        touched.delete(orgId)
        if (!(await countInTime(orgId))) touch(touched, orgId)
      }
      const isEnd = others.length < OTHERS_AT_ONCE
      for (const orgId of others) {
        if (!(await countInTime(orgId))) return leaveChanged(database, counts)
        after = orgId
      }
      if (isEnd) after = null
      return leaveChanged(database, counts)
    },
    onNews: ({ organizations }) => {
      for (const orgId of organizations) touch(touched, orgId as OrgId)
    },
    onMissed: () => {},
  }
}

/** One that does not fit comes round with the others. */
function touch(touched: Set<OrgId>, orgId: OrgId): void {
  if (touched.size < TOUCHED_MAX) touched.add(orgId)
}
