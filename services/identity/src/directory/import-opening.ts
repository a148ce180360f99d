// The end of an import: what imports have made and nobody manages is suspended until a later one brings a manager.
import { withTransaction } from '@meridian/database/transaction'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { settleImportedOrganizations } from '../store/imports.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { BY_OPERATOR } from './import-batch.ts'

const ORGANIZATIONS_PER_TRANSACTION = 500
const TRANSACTION_TIMEOUT_MS = 60_000

export async function openWhatIsManaged(deps: Pick<Deps, 'db' | 'makeId'>): Promise<void> {
  const options = { timeoutMs: TRANSACTION_TIMEOUT_MS }
  for (let settled = ORGANIZATIONS_PER_TRANSACTION; settled === ORGANIZATIONS_PER_TRANSACTION; ) {
    settled = await withTransaction(deps.db, (db) => settleSome(deps, db), options)
  }
}

async function settleSome({ makeId }: Pick<Deps, 'makeId'>, db: IdentityDb): Promise<number> {
  const settled = await settleImportedOrganizations(db, ORGANIZATIONS_PER_TRANSACTION)
  for (const { id: orgId, before, after } of settled) {
    if (before === after) continue
    const change = { before: { status: before }, after: { status: after } }
    await recordAudit(db, makeId, 'organization.status_changed', { ...BY_OPERATOR, orgId, ...change })
  }
  return settled.length
}
