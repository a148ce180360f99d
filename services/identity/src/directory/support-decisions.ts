// The organization's side of support access: everybody in a region sees who was let in there and can end it; whether
// somebody is let in, and as what, is for a manager of that region. The rest of it is support-requests.ts.
import { withTransaction } from '@meridian/database/transaction'
import type { PageQuery } from '@meridian/protocol/paging'
import type { SupportApproval, SupportGrant, SupportGrantPage } from '@meridian/protocol/support'
import type { Origin } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Standing } from '../store/authority.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  approveSupportGrant,
  declineSupportGrant,
  endSupportGrant,
  type SupportGrantRow,
} from '../store/support-grants.ts'
import { lockUser } from '../store/users.ts'
import { mayAct, regionsOfAuthority, requireAuthority, requireAuthorityToChange } from './authority.ts'
import type { Actor } from './by-actor.ts'
import {
  getSupportGrant,
  presentSupportGrant,
  recordSupport,
  roleOf,
  type SupportDeps,
  tellManagers,
} from './support-grant.ts'
import { pageOfSupport } from './support-requests.ts'

/** Which grant, of which organization as the path names it. */
export type NamedSupport = { readonly org: string; readonly id: string }

/** Throws Refusal (access_denied). */
export async function listSupportOf(
  deps: Pick<Deps, 'db'>,
  person: Actor,
  org: string,
  page: PageQuery,
): Promise<SupportGrantPage> {
  const standing = await requireAuthority(deps.db, person, org, 'organization:read')
  return pageOfSupport(deps, { orgId: standing.org_id, regions: seenBy(standing) }, page)
}

/** Gives what was asked for, or less. Throws Refusal: access_denied, not_found, conflict, invalid_request. */
export function approveSupport(
  deps: SupportDeps,
  person: Actor,
  named: NamedSupport,
  approval: SupportApproval,
  origin: Origin,
): Promise<SupportGrant> {
  return change(deps, person, named, async (db, standing, asked) => {
    requireManager(standing, asked)
    const role = approval.access === undefined ? asked.role : roleOf(approval.access)
    const durationSeconds = approval.duration_seconds ?? asked.duration_seconds
    if (role === 'member' && asked.role === 'viewer')
      throw new Refusal('invalid_request', 'wider than asked for', 'access: is more than was asked for')
    if (durationSeconds > asked.duration_seconds)
      throw new Refusal('invalid_request', 'longer than asked for', 'duration_seconds: is more than was asked for')
    const decision = { by: person.userId, role, durationSeconds }
    if (!(await approveSupportGrant(db, asked.id, decision))) throw notWaiting()
    const row = await getSupportGrant(db, asked.id)
    await recordSupport(deps, db, 'support.approved', row, { actor: person, origin })
    await tellManagers(deps, db, 'support_approved', row)
    return row
  })
}

/** Throws Refusal: access_denied, not_found, conflict. */
export function declineSupport(
  deps: SupportDeps,
  person: Actor,
  named: NamedSupport,
  origin: Origin,
): Promise<SupportGrant> {
  return change(deps, person, named, async (db, standing, asked) => {
    requireManager(standing, asked)
    if (!(await declineSupportGrant(db, asked.id, person.userId))) throw notWaiting()
    const row = await getSupportGrant(db, asked.id)
    await recordSupport(deps, db, 'support.declined', row, { actor: person, origin })
    return row
  })
}

/** By anybody who is there; one that is over stays as it is. Throws Refusal: access_denied, not_found, conflict. */
export function endSupport(
  deps: SupportDeps,
  person: Actor,
  named: NamedSupport,
  origin: Origin,
): Promise<SupportGrant> {
  return change(deps, person, named, async (db, _standing, found) => {
    if (found.status === 'requested')
      throw new Refusal('conflict', 'a request is declined, not ended', 'It has not begun: decline it')
    if (!(await endSupportGrant(db, found.id, person.userId, 'organization'))) return found
    const row = await getSupportGrant(db, found.id)
    await recordSupport(deps, db, 'support.ended', row, { actor: person, origin })
    await tellManagers(deps, db, 'support_ended', row)
    return row
  })
}

function seenBy(standing: Standing) {
  return regionsOfAuthority(standing, 'organization:read')
}

/** With the organization locked: what is decided here holds against whoever decides at the same time. */
async function change(
  deps: SupportDeps,
  person: Actor,
  { org, id }: NamedSupport,
  work: (db: IdentityDb, standing: Standing, found: SupportGrantRow) => Promise<SupportGrantRow>,
): Promise<SupportGrant> {
  return withTransaction(deps.db, async (db) => {
    await lockUser(db, person.userId)
    const standing = await requireAuthorityToChange(db, person, org, 'organization:read')
    const found = await getSupportGrant(db, id)
    if (found.org_id !== standing.org_id || !seenBy(standing).includes(found.region))
      throw new Refusal('not_found', 'a support grant of another organization, or of a region they are not in')
    return presentSupportGrant(await work(db, standing, found))
  })
}

function requireManager(standing: Standing, grant: SupportGrantRow): void {
  if (!mayAct(standing, 'support:write', grant.region)) throw new Refusal('access_denied', 'may not: support:write')
}

function notWaiting(): Refusal {
  return new Refusal('conflict', 'decided already, or given up', 'It waits for no decision any more')
}
