// How many people organizations have, for sys-admins: counted at most once a minute, or on demand. What cannot be counted
// in time is told as it was counted last, and called stale.
import type { SummaryPage, TenantSummary } from '@meridian/protocol/tenant-summaries'
import type { Deps } from '../deps.ts'
import {
  countTenants,
  isTooBusyToCount,
  listTenantIds,
  listTenantSummaries,
  type TenantSummaryRow,
} from '../store/tenant-summaries.ts'
import { instantOf } from './instant.ts'
import { getOrganization } from './organization-details.ts'

const KEPT_SECONDS = 60

/** Throws Refusal (access_denied). */
export async function readTenantSummary(
  deps: Pick<Deps, 'db' | 'log'>,
  org: string,
  isLive: boolean,
): Promise<TenantSummary> {
  const { id, slug, name } = await getOrganization(deps.db, org)
  const [summary] = await summarize(deps, [id], { maxAgeSeconds: isLive ? 0 : KEPT_SECONDS })
  return summary ?? { org: { id, slug, name }, regions: [] }
}

export async function listTenantSummaryPage(
  deps: Pick<Deps, 'db' | 'log'>,
  page: { readonly cursor?: string | undefined; readonly limit: number; readonly region?: string | undefined },
): Promise<SummaryPage> {
  const { cursor: after, limit, region } = page
  const ids = await listTenantIds(deps.db, { after, region, limit: limit + 1 })
  const shown = ids.slice(0, limit)
  const summaries = await summarize(deps, shown, { maxAgeSeconds: KEPT_SECONDS, region })
  return { summaries: [...summaries], next_cursor: ids.length > limit ? (shown.at(-1) ?? null) : null }
}

async function summarize(
  { db, log }: Pick<Deps, 'db' | 'log'>,
  orgIds: readonly string[],
  { maxAgeSeconds, region }: { readonly maxAgeSeconds: number; readonly region?: string | undefined },
): Promise<readonly TenantSummary[]> {
  try {
    await countTenants(db, orgIds, maxAgeSeconds)
  } catch (error) {
    if (!isTooBusyToCount(error)) throw error
    log.warn({ err: error }, 'people were not counted again in time')
  }
  return (await listTenantSummaries(db, orgIds, KEPT_SECONDS, region)).map(present)
}

function present({ id, slug, name, regions }: TenantSummaryRow): TenantSummary {
  return {
    org: { id, slug, name },
    regions: regions.map(({ counted_at: countedAt, reported, ...counts }) => ({
      ...counts,
      counted_at: instantOf(countedAt),
      reported: reported && {
        ...reported,
        reported_at: instantOf(reported.reported_at),
        differs: reported.members !== counts.managers + counts.members + counts.viewers + counts.suspended,
      },
    })),
  }
}
