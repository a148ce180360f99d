import { CHECKPOINT_SECONDS } from '../audit/seal.ts'
import type { Deps } from '../deps.ts'
import { readEpoch } from '../store/deployment.ts'
import { listUnmanagedOrganizations } from '../store/imports.ts'
import { type QueueStatus, readQueueStatus, readRegionStatus } from '../store/service-status.ts'

export type ServiceStatus = {
  /** Raised by each restore from a backup. */
  readonly epoch: string
  readonly regions: readonly Readonly<Record<string, string | number | null>>[]
  /** What is under way; the age of the oldest says whether it moves. */
  readonly queues: readonly QueueStatus[]
  /** Organizations that nobody can run. */
  readonly without_manager: number
}

/** How the service and its regions are, for the operator. */
export async function readServiceStatus(deps: Pick<Deps, 'db'>): Promise<ServiceStatus> {
  const regions = await readRegionStatus(deps.db)
  return {
    epoch: await readEpoch(deps.db),
    regions: regions.map((region) => ({ ...region, last_seen: region.last_seen?.toISOString() ?? null })),
    queues: await readQueueStatus(deps.db, CHECKPOINT_SECONDS),
    without_manager: (await listUnmanagedOrganizations(deps.db)).length,
  }
}
