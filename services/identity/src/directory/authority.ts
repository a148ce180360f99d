// Who may act where (ARCHITECTURE: "Authority"). A person acts in a region with the role that they have there; where a
// region of an organization has no active manager, any manager of that organization acts as its manager; what concerns the
// whole organization needs the permission in any region. A sys-admin is outside: platform work has routes of its own.
import type { RegionCode } from '@meridian/protocol/ids'
import { type Permission, type Role, roleAllows } from '@meridian/protocol/roles'
import { Refusal } from '../refusal.ts'
import { lockOrganization, readStanding, type Standing } from '../store/authority.ts'
import type { IdentityDb } from '../store/open-store.ts'

export type Acting = { readonly userId: string }

/** The role that a person acts with in a region; undefined where they have no say. */
function roleIn(standing: Pick<Standing, 'roles' | 'unmanaged'>, region: string): Role | undefined {
  const isManagerSomewhere = Object.values(standing.roles).includes('manager')
  if (isManagerSomewhere && standing.unmanaged.some((code) => code === region)) return 'manager'
  return standing.roles[region]
}

/** Whether a person may do this in a region, or (without one) for the whole organization. */
export function mayAct(standing: Standing, permission: Permission, region?: string): boolean {
  if (region === undefined) return Object.values(standing.roles).some((role) => roleAllows(role, permission))
  const held = standing.regions.some((code) => code === region) ? roleIn(standing, region) : undefined
  return held !== undefined && roleAllows(held, permission)
}

/** The regions in which a person may do this. */
export function regionsOfAuthority(standing: Standing, permission: Permission): readonly RegionCode[] {
  return standing.regions.filter((region) => mayAct(standing, permission, region))
}

/**
 * How a person stands in an organization in which they may do this. Throws Refusal (access_denied), the same for an
 * organization that is unknown, foreign or closed, and for one in which they may not.
 */
export async function requireAuthority(
  db: IdentityDb,
  person: Acting,
  org: string,
  permission: Permission,
  region?: string,
): Promise<Standing> {
  const standing = await readStanding(db, org, person.userId)
  if (standing === undefined) throw new Refusal('access_denied', 'no such organization, or it is closed')
  if (!mayAct(standing, permission, region)) throw new Refusal('access_denied', `may not: ${permission}`)
  return standing
}

/**
 * The same for a change: the organization's row is locked, so that the authority holds until the change is written.
 * Whoever has no authority locks nothing, and so neither waits nor is waited for. Needs a transaction, in which people's
 * rows are locked before.
 */
export async function requireAuthorityToChange(
  db: IdentityDb,
  person: Acting,
  org: string,
  permission: Permission,
  region?: string,
): Promise<Standing> {
  const { org_id: id } = await requireAuthority(db, person, org, permission, region)
  await lockOrganization(db, id)
  return requireAuthority(db, person, id, permission, region)
}
