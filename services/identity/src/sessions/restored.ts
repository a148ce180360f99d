import type { Deps } from '../deps.ts'
import { raiseEpoch, readEpoch } from '../store/deployment.ts'

/**
 * Begins a new epoch after a restore from backup: refresh tokens of before, whose families may have gone back in
 * time, are refused without being mistaken for stolen ones.
 */
export async function declareRestored(deps: Pick<Deps, 'db'>, isDryRun: boolean): Promise<Record<string, unknown>> {
  const before = await readEpoch(deps.db)
  return { dry_run: isDryRun, epoch_before: before, epoch: isDryRun ? before : await raiseEpoch(deps.db) }
}
