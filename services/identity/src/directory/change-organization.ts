// Changing what is written of an organization: some of it is its managers' to set, some the sys-admins', some both's. A
// change that names a field of somebody else's is refused as a whole.
import type { OrgDetails, OrgPatch } from '@meridian/protocol/org-details'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import type { Origin } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import type { AuditFields } from '../store/audit-events.ts'
import { hasAsset } from '../store/organization-assets.ts'
import { changeSettings, type OrganizationFields, updateOrganization } from '../store/organization-changes.ts'
import type { OrganizationRow } from '../store/organization-details.ts'
import { type ChangingDeps, changeLocked, type Locked, lockForBoth, requireNotDeleted } from './organization-change.ts'
import type { Caller } from './organization-details.ts'

type Field = keyof OrgPatch

const MANAGERS_FIELDS: readonly Field[] = ['name', 'primary_contact', 'settings']
const SYS_ADMINS_FIELDS: readonly Field[] = [
  'name',
  'primary_contact',
  'subscription_tier',
  'data_placement',
  'home_region',
]

/** Throws Refusal: access_denied, precondition_failed, invalid_request, unknown_region, conflict. */
export async function changeOrganization(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  patch: OrgPatch,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.changed', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForBoth, expected, async (locked) => {
    const { db, row, standing } = locked
    const fields = (Object.keys(patch) as Field[]).filter((field) => patch[field] !== undefined)
    requireOwnFields(fields, standing === undefined ? SYS_ADMINS_FIELDS : MANAGERS_FIELDS)
    requireNotDeleted(row)
    await requireAssetOf(locked, patch)
    requireRegionOf(row, patch)
    await updateOrganization(db, row.id, storedFieldsOf(patch))
    if (patch.settings !== undefined) await changeSettings(db, row.id, patch.settings)
    const { before, after } = operatorsChange(row, patch)
    return { details: { fields }, before, after }
  })
}

function requireOwnFields(fields: readonly Field[], own: readonly Field[]): void {
  const other = fields.find((field) => !own.includes(field))
  if (other === undefined) return
  throw new Refusal('access_denied', `may not set ${other}`, `${other}: is not yours to set`)
}

async function requireAssetOf({ db, row }: Locked, { settings }: OrgPatch): Promise<void> {
  const logo = settings?.branding?.logo
  if (logo === undefined || (await hasAsset(db, row.id, logo))) return
  throw new Refusal('invalid_request', 'no such asset', 'settings.branding.logo: is no picture of this organization')
}

function requireRegionOf(row: OrganizationRow, { home_region: home }: OrgPatch): void {
  if (home === undefined || row.regions.includes(home)) return
  throw new Refusal('unknown_region', 'not in that region', 'home_region: the organization is not there')
}

function storedFieldsOf(patch: OrgPatch): OrganizationFields {
  const {
    name,
    primary_contact: contact,
    subscription_tier: tier,
    data_placement: placement,
    home_region: home,
  } = patch
  return {
    ...(name === undefined ? {} : { name }),
    ...(contact === undefined ? {} : { primaryContactName: contact.name, primaryContactEmail: contact.email }),
    ...(tier === undefined ? {} : { subscriptionTier: tier }),
    ...(placement === undefined ? {} : { dataPlacement: placement }),
    ...(home === undefined ? {} : { homeRegion: home }),
  }
}

const CODES = ['subscription_tier', 'data_placement', 'home_region'] as const

/** Of those fields that hold nothing personal. */
function operatorsChange(row: OrganizationRow, patch: OrgPatch): { before: AuditFields; after: AuditFields } {
  const changed = CODES.filter((field) => patch[field] !== undefined)
  return {
    before: Object.fromEntries(changed.map((field) => [field, row[field]])),
    after: Object.fromEntries(changed.map((field) => [field, patch[field] ?? null])),
  }
}
