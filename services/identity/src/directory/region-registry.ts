import type { RegisteredRegionList } from '@meridian/protocol/region-registry'
import type { Deps } from '../deps.ts'
import { listRegisteredRegions } from '../store/region-registry.ts'

/** For sys-admins. */
export async function readRegionRegistry(deps: Pick<Deps, 'db'>): Promise<RegisteredRegionList> {
  const rows = await listRegisteredRegions(deps.db)
  return { regions: rows.map((row) => ({ ...row, last_seen: row.last_seen?.toISOString() ?? null })) }
}
