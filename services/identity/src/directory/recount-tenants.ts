// Counts the people of many organizations again, a batch at a time: one that cannot be counted does not keep the others.
import type { Deps } from '../deps.ts'
import {
  countStaleTenants,
  countTenants,
  isTooBusyToCount,
  listDifferingTenants,
  listStaleTenantIds,
} from '../store/tenant-summaries.ts'

const FRESH_SECONDS = 3600
const BATCH = 50
const DIFFERING_NAMED_MAX = 50

export type Recounted = {
  readonly organizations: number
  /** Counted within the last hour, and so left alone. */
  readonly fresh: number
  readonly counted: number
  /** Ids of those that took too long or were locked. */
  readonly failed: readonly string[]
  /** Where a region holds another number of people: some of them. */
  readonly differing: Awaited<ReturnType<typeof listDifferingTenants>>
}

export async function recountTenants(
  { db }: Pick<Deps, 'db'>,
  wanted: { readonly region: string | undefined; readonly force: boolean; readonly dryRun: boolean },
  onProgress: (done: number, total: number) => void,
): Promise<Recounted> {
  const which = { region: wanted.region, maxAgeSeconds: wanted.force ? 0 : FRESH_SECONDS }
  const { organizations, stale } = await countStaleTenants(db, which)
  const failed: string[] = []
  let done = 0
  for (let after: string | undefined; !wanted.dryRun; ) {
    const ids = await listStaleTenantIds(db, which, { after, limit: BATCH })
    failed.push(...(await countEach(db, ids, which.maxAgeSeconds)))
    done += ids.length
    if (ids.length > 0) onProgress(done, Math.max(stale, done))
    if (ids.length < BATCH) break
    after = ids.at(-1)
  }
  const differing = await listDifferingTenants(db, wanted.region, DIFFERING_NAMED_MAX)
  return {
    organizations,
    fresh: organizations - stale,
    counted: wanted.dryRun ? stale : done - failed.length,
    failed,
    differing,
  }
}

/** All at once, and one by one where that takes too long. Resolves to those that could not be counted. */
async function countEach(db: Deps['db'], ids: readonly string[], maxAgeSeconds: number): Promise<readonly string[]> {
  if (await isCounted(db, ids, maxAgeSeconds)) return []
  const failed: string[] = []
  for (const id of ids) if (!(await isCounted(db, [id], maxAgeSeconds))) failed.push(id)
  return failed
}

async function isCounted(db: Deps['db'], ids: readonly string[], maxAgeSeconds: number): Promise<boolean> {
  try {
    await countTenants(db, ids, maxAgeSeconds)
    return true
  } catch (error) {
    if (!isTooBusyToCount(error)) throw error
    return false
  }
}
