// Where an organization is, as sys-admins decide. Whoever is a member in a region that it is withdrawn from stays so and
// cannot act there, until it is brought back; nothing is erased.
import type { OrgDetails } from '@meridian/protocol/org-details'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import type { Origin } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import type { OrganizationRow } from '../store/organization-details.ts'
import { addOrganizationRegion, withdrawOrganizationRegion } from '../store/organization-regions.ts'
import { isLossOfLastManager, listActiveRegionCodes } from '../store/organizations.ts'
import { type ChangingDeps, changeLocked, lockForSysAdmins, requireNotDeleted } from './organization-change.ts'
import type { Caller } from './organization-details.ts'

/** Adds a region or brings it back. Throws Refusal: access_denied, precondition_failed, unknown_region, conflict. */
export async function addRegion(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  region: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.region_added', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForSysAdmins, expected, async ({ db, row }) => {
    requireNotDeleted(row)
    if (!(await listActiveRegionCodes(db)).has(region)) throw new Refusal('unknown_region', 'no such region')
    return (await addOrganizationRegion(db, row.id, region)) ? { region } : null
  })
}

/** Throws Refusal: access_denied, precondition_failed, unknown_region, conflict. */
export async function withdrawRegion(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  region: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.region_withdrawn', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForSysAdmins, expected, async ({ db, row }) => {
    requireNotDeleted(row)
    requireNotNeeded(row, region)
    if (await withdrawKeepingManager(db, row.id, region)) return { region }
    if (row.withdrawn_regions.some((code) => code === region)) return null
    throw new Refusal('unknown_region', 'it was never there')
  })
}

/** A suspended organization may be left without a manager: it is opened only once it has one again. */
async function withdrawKeepingManager(db: IdentityDb, orgId: string, region: string): Promise<boolean> {
  try {
    return await withdrawOrganizationRegion(db, orgId, region)
  } catch (error) {
    if (!isLossOfLastManager(error)) throw error
    throw new Refusal(
      'conflict',
      'all managers are there',
      'Its managers are there alone: they make one elsewhere first',
    )
  }
}

function requireNotNeeded(row: OrganizationRow, region: string): void {
  if (!row.regions.some((code) => code === region)) return
  if (row.regions.length === 1) throw new Refusal('conflict', 'the last region', 'It is in no other region')
  if (row.home_region === region)
    throw new Refusal('conflict', 'the home region', 'It is the home region: choose another home_region first')
}
