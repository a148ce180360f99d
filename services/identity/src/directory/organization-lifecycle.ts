// An organization's states, as sys-admins change them: active ⇄ maintenance ⇄ suspended, and deleted, from where it comes
// back until its grace is over. What is open has an active manager; what is deleted or suspended admits nobody.
import type { OpenableStatus, OrgDetails } from '@meridian/protocol/org-details'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import type { Origin } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import { changeStatus, deleteOrganization, restoreOrganization } from '../store/organization-changes.ts'
import { type ChangingDeps, changeLocked, lockForSysAdmins, requireNotDeleted } from './organization-change.ts'
import type { Caller } from './organization-details.ts'

/** Throws Refusal: access_denied, precondition_failed, conflict. */
export async function changeOrganizationStatus(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  status: OpenableStatus,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.status_changed', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForSysAdmins, expected, async ({ db, row }) => {
    requireNotDeleted(row)
    if (row.status === status) return null
    if (!(await changeStatus(db, row.id, status)))
      throw new Refusal('conflict', 'no active manager', 'It has no active manager: add one first')
    return { before: { status: row.status }, after: { status } }
  })
}

/** It admits nobody from now on, and is purged after the grace. Deleting it again changes nothing. */
export async function deleteOrganizationForGrace(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.deleted', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForSysAdmins, expected, async ({ db, row }) => {
    if (row.status === 'deleted') return null
    await deleteOrganization(db, row.id, deps.settings.deletionGraceSeconds)
    return { before: { status: row.status }, after: { status: 'deleted' } }
  })
}

/**
 * To what it was before, or suspended where it has no active manager any more. Throws Refusal (conflict) once its grace
 * is over.
 */
export async function restoreDeletedOrganization(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.restored', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForSysAdmins, expected, async ({ db, row }) => {
    if (row.status !== 'deleted') return null
    const status = await restoreOrganization(db, row.id)
    if (status === undefined) throw new Refusal('conflict', 'the grace is over', 'It can no longer be restored')
    return { before: { status: 'deleted' }, after: { status } }
  })
}
