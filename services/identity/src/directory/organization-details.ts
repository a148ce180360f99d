// An organization as its people see it, and as sys-admins do: those see its data and how many people it has, never who.
import type { OrgDetails, OrgPage, OrgPageQuery } from '@meridian/protocol/org-details'
import { type OrgSettings, orgSettingsSchema } from '@meridian/protocol/org-settings'
import { permissionsOf } from '@meridian/protocol/roles'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { Standing } from '../store/authority.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { findOrganization, listOrganizations, type OrganizationRow } from '../store/organization-details.ts'
import { mayAct, requireAuthority } from './authority.ts'
import type { Actor } from './by-actor.ts'

/** Whoever asks: somebody of the organization, or a sys-admin. */
export type Caller = Actor & { readonly platformRole: 'sys_admin' | null }

/** Throws Refusal: access_denied, not_found. */
export async function readOrganization(deps: Pick<Deps, 'db'>, caller: Caller, org: string): Promise<OrgDetails> {
  if (caller.platformRole === 'sys_admin') return presentOrganization(await getOrganization(deps.db, org))
  const standing = await requireAuthority(deps.db, caller, org, 'organization:read')
  return presentOrganization(await getOrganization(deps.db, standing.org_id), standing)
}

/** For sys-admins. */
export async function listOrganizationPage(deps: Pick<Deps, 'db'>, query: OrgPageQuery): Promise<OrgPage> {
  const { cursor: after, limit, search, status } = query
  const rows = await listOrganizations(deps.db, { after, search, status, limit: limit + 1 })
  const shown = rows.slice(0, limit)
  return {
    orgs: shown.map((row) => presentOrganization(row)),
    next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
  }
}

/** In whatever state; a sys-admin may know which there are. Throws Refusal (not_found). */
export async function getOrganization(db: IdentityDb, org: string): Promise<OrganizationRow> {
  const row = await findOrganization(db, org)
  if (row === undefined) throw new Refusal('not_found', 'no such organization')
  return row
}

/** For somebody who stands in it so; without a standing, for a sys-admin. */
export function presentOrganization(row: OrganizationRow, standing?: Standing): OrgDetails {
  const { id, slug, name, status, regions, home_region, version } = row
  const shared = { id, slug, name, status, regions, home_region, settings: settingsOf(row.settings), version }
  const contact = { primary_contact: { name: row.primary_contact_name, email: row.primary_contact_email } }
  if (standing === undefined) return { ...shared, ...contact, administration: administrationOf(row) }
  const mayChange = mayAct(standing, 'organization:write')
  return { ...shared, ...(mayChange ? contact : {}), standing: standingOf(standing) }
}

function standingOf(standing: Standing): NonNullable<OrgDetails['standing']> {
  return standing.regions.flatMap((region) => {
    const role = standing.roles[region] ?? null
    const manages = mayAct(standing, 'members:write', region)
    if (role === null && !manages) return []
    return [{ region, role, permissions: role === null ? [] : [...permissionsOf(role)], manages }]
  })
}

function administrationOf(row: OrganizationRow): NonNullable<OrgDetails['administration']> {
  return {
    subscription_tier: row.subscription_tier,
    data_placement: row.data_placement,
    withdrawn_regions: row.withdrawn_regions,
    created_at: row.created_at.toISOString(),
    deleted_at: row.deleted_at?.toISOString() ?? null,
    delete_after: row.delete_after?.toISOString() ?? null,
    purged_at: row.purged_at?.toISOString() ?? null,
    counts: row.counts,
  }
}

/** A setting that an import or a former version wrote otherwise is as good as none. */
export function settingsOf(stored: OrganizationRow['settings']): OrgSettings {
  const { branding, locale, time_zone } = orgSettingsSchema.shape
  const known = Object.entries({ branding, locale, time_zone }).flatMap(([name, schema]) => {
    const setting = schema.safeParse(stored[name])
    return setting.success && setting.data !== undefined ? [[name, setting.data]] : []
  })
  return Object.fromEntries(known) as OrgSettings
}
