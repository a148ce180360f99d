// What the three phases of an import have in common.
import type { Deps } from '../deps.ts'
import type { IdentityDb } from '../store/open-store.ts'
import type { ImportIssue, Located, RecordKind, RecordOf, RoleTable } from './import-records.ts'
import type { ImportRehearsal } from './import-rehearsal.ts'

/** Of lines: added something, found it there, left out. */
export type BatchOutcome = { added: number; known: number; readonly issues: ImportIssue[] }

export type BatchContext = {
  readonly db: IdentityDb
  readonly makeId: Deps['makeId']
  readonly roles: RoleTable
  /** In a dry run. */
  readonly rehearsal: ImportRehearsal | undefined
}

export type Batch<K extends RecordKind> = readonly Located<RecordOf<K>>[]

/** Who an audit event names for the work of a command. */
export const BY_OPERATOR = { outcome: 'success', requestId: 'command', actorUserId: null } as const

/** Somebody else was faster: what was looked up is no longer so. The batch is done again. */
export class OvertakenError extends Error {
  override readonly name = 'OvertakenError'
}
