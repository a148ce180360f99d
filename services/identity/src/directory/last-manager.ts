// An organization never loses its last active manager: the database refuses it on every path, with the organization's row
// locked, so that of two managers who go at once the second stays (refuse_loss_of_last_manager). Here the refusal gets its
// name, and is noted.
import { withTransaction } from '@meridian/database/transaction'
import { type AuditKind, recordAudit, recordAuditByRegion } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { AuditEvent } from '../store/audit-events.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { isLossOfLastManager } from '../store/organizations.ts'

export type Attempt = Omit<AuditEvent, 'id' | 'kind' | 'outcome'> & {
  readonly kind: AuditKind
  /** Where it concerns several: each has its own event. */
  readonly regions?: readonly string[]
}

const WHO_CAN_HELP =
  "Make somebody else a manager first. Where the organization is suspended, or the region withdrawn, only the platform's system administrators can"

/** Does the work in one transaction. Throws Refusal (last_manager), and then nothing was changed. */
export async function keepingLastManager<T>(
  deps: Pick<Deps, 'db' | 'makeId'>,
  attempt: Attempt,
  work: (db: IdentityDb) => Promise<T>,
): Promise<T> {
  try {
    return await withTransaction(deps.db, work)
  } catch (error) {
    if (!isLossOfLastManager(error)) throw error
    await withTransaction(deps.db, (db) => recordRefusal(db, deps, attempt))
    throw new Refusal('last_manager', 'the last active manager of the organization', WHO_CAN_HELP)
  }
}

function recordRefusal(
  db: IdentityDb,
  { makeId }: Pick<Deps, 'makeId'>,
  { kind, regions, ...event }: Attempt,
): Promise<void> {
  const refused = { ...event, outcome: 'refused' } as const
  if (regions === undefined) return recordAudit(db, makeId, kind, refused)
  return recordAuditByRegion(
    db,
    makeId,
    kind,
    refused,
    regions.map((region) => [region, {}]),
  )
}
