import { withTransaction } from '@meridian/database/transaction'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { raiseEpoch, readEpoch } from '../store/deployment.ts'
import { forgetFollowers, restampRows } from '../store/restamp.ts'

/**
 * Begins a new epoch after a restore from backup: refresh tokens of before, whose families may have gone back in
 * time, are refused without being mistaken for stolen ones, and regions compare what they hold.
 */
export async function declareRestored(
  deps: Pick<Deps, 'db' | 'makeId'>,
  isDryRun: boolean,
): Promise<Record<string, unknown>> {
  const before = await readEpoch(deps.db)
  if (isDryRun) return { dry_run: true, epoch_before: before, epoch: before }
  const epoch = await withTransaction(deps.db, async (db) => {
    const raised = await raiseEpoch(db)
    await forgetFollowers(db)
    const details = { epoch_before: before, epoch: raised }
    await recordAudit(db, deps.makeId, 'deployment.restored', { outcome: 'success', requestId: 'command', details })
    return raised
  })
  const restamped = await restampRows(deps.db)
  return { dry_run: false, epoch_before: before, epoch, restamped }
}
