import { deletePersonalDetails } from '../store/audit-personal.ts'
import type { IdentityDb } from '../store/open-store.ts'

/**
 * Deletes what is personal in the events of a person's own acts, with its salt. The events stay, with the id, and their
 * chains verify as before. Resolves to how many events it was.
 */
export function eraseAuditDetails(db: IdentityDb, userId: string): Promise<number> {
  return deletePersonalDetails(db, userId)
}
