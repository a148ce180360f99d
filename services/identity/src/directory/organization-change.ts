// What every change of an organization goes through: one transaction in which its row is locked, then the caller's
// authority and the version that they read; and that it was refused is recorded, after it was taken back.
import { withTransaction } from '@meridian/database/transaction'
import type { OrgDetails } from '@meridian/protocol/org-details'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import type { AuditFields } from '../store/audit-events.ts'
import { lockOrganization, type Standing } from '../store/authority.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findOrganization, type OrganizationRow } from '../store/organization-details.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { requireAuthorityToChange } from './authority.ts'
import { byActor } from './by-actor.ts'
import { endLapsedSupport } from './end-overdue-support.ts'
import { type Caller, getOrganization, presentOrganization } from './organization-details.ts'
import type { SupportDeps } from './support-grant.ts'

export type ChangingDeps = SupportDeps & {
  readonly settings: Pick<Deps['settings'], 'deletionGraceSeconds' | 'slugQuarantineSeconds'>
}

export type Attempt = {
  readonly kind: AuditKind
  readonly caller: Caller
  /** Id or slug. */
  readonly org: string
  readonly origin: Origin
}

/** What was found under the lock; `standing` is the caller's, who is no sys-admin then. */
export type Locked = { readonly db: IdentityDb; readonly row: OrganizationRow; readonly standing?: Standing }

/** What the change was, for the audit event; null where everything was so already. */
export type Changed = { readonly [part in 'details' | 'before' | 'after']?: AuditFields } & { readonly region?: string }

/** Says who may: sys-admins alone, or the managers too. Throws Refusal: access_denied, not_found. */
export type Lock = (db: IdentityDb, attempt: Attempt) => Promise<Locked>

/** For sys-admins, whatever state it is in. */
export const lockForSysAdmins: Lock = async (db, { caller, org }) => {
  if (caller.platformRole !== 'sys_admin') throw new Refusal('access_denied', 'not a sys-admin')
  await requireActingSysAdmin(db, caller)
  const id = await lockOrganization(db, org)
  return { db, row: await getOrganization(db, id ?? org) }
}

/** For its managers. */
export const lockForManagers: Lock = async (db, { caller, org }) => {
  const standing = await requireAuthorityToChange(db, caller, org, 'organization:write')
  return { db, row: await getOrganization(db, standing.org_id), standing }
}

/** For its managers, and for sys-admins. */
export const lockForBoth: Lock = (db, attempt) =>
  attempt.caller.platformRole === 'sys_admin' ? lockForSysAdmins(db, attempt) : lockForManagers(db, attempt)

/** Resolves to the organization as it is then. Throws what lock and work do, and Refusal (precondition_failed). */
export async function changeLocked(
  deps: ChangingDeps,
  attempt: Attempt,
  lock: Lock,
  expected: ExpectedVersions,
  work: (locked: Locked) => Promise<Changed | null>,
): Promise<OrgDetails> {
  return recordingRefusal(deps, attempt, async (db) => {
    const locked = await lock(db, attempt)
    const { row, standing } = locked
    requireVersion(row, expected)
    const changed = await work(locked)
    if (changed !== null) {
      const event = { ...byActor(attempt.caller, attempt.origin), orgId: row.id, ...changed }
      await recordAudit(db, deps.makeId, attempt.kind, { ...event, outcome: 'success' })
      await endLapsedSupport(deps, db, { orgId: row.id }, attempt.origin.requestId)
    }
    return presentOrganization(await getOrganization(db, row.id), standing)
  })
}

/** Throws Refusal (precondition_failed). */
export function requireVersion(row: Pick<OrganizationRow, 'version'>, expected: ExpectedVersions): void {
  if (expected === 'any' || expected.includes(row.version)) return
  throw new Refusal('precondition_failed', 'another version', 'Changed since it was read')
}

/** Throws Refusal (conflict): what is deleted can be restored and nothing else. */
export function requireNotDeleted(row: Pick<OrganizationRow, 'status'>): void {
  if (row.status === 'deleted') throw new Refusal('conflict', 'it is deleted', 'The organization is deleted')
}

/** Refusals by those who could, of what cannot be. */
const RECORDED: ReadonlySet<RefusalCode> = new Set(['conflict', 'slug_taken', 'manager_present'])

/** Does the work in one transaction; that it was refused is recorded in another. */
export async function recordingRefusal<T>(
  deps: Pick<Deps, 'db' | 'makeId'>,
  { kind, caller, org, origin }: Attempt,
  work: (db: IdentityDb) => Promise<T>,
): Promise<T> {
  try {
    return await withTransaction(deps.db, work)
  } catch (error) {
    if (!(error instanceof Refusal) || !RECORDED.has(error.code)) throw error
    const { code } = error
    await withTransaction(deps.db, async (db) => {
      const found = await findOrganization(db, org)
      const event = { ...byActor(caller, origin), orgId: found?.id ?? null, details: { code } }
      await recordAudit(db, deps.makeId, kind, { ...event, outcome: 'refused' })
    })
    throw error
  }
}
