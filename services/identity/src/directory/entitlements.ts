// What an organization is entitled to. A sys-admin sets the licence, as a whole; within it managers switch modules on
// and off. What may stand together is module-rules.ts; a module that the catalogue no longer has serves nobody.
import { withTransaction } from '@meridian/database/transaction'
import type { Entitlements } from '@meridian/protocol/entitlements'
import type { OrgId } from '@meridian/protocol/ids'
import type { Module } from '@meridian/protocol/modules'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import { type AuditKind, type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { lockOrganization } from '../store/authority.ts'
import {
  deleteEntitlements,
  findLicensee,
  insertEntitlements,
  readEntitlements,
  type StoredEntitlements,
  switchEntitlement,
} from '../store/entitlements.ts'
import { listModules } from '../store/modules.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { mayAct, requireAuthority, requireAuthorityToChange } from './authority.ts'
import { type Actor, byActor } from './by-actor.ts'
import { findLacks, requireModules, requireStandalones, switchedOn } from './module-rules.ts'

type ManagingDeps = Pick<Deps, 'db' | 'makeId'>

type View = 'licence' | 'in use'

/** Throws Refusal (access_denied). */
export async function readOwnEntitlements(
  deps: Pick<Deps, 'db'>,
  person: Pick<Actor, 'userId'>,
  org: string,
): Promise<Entitlements> {
  const standing = await requireAuthority(deps.db, person, org, 'organization:read')
  return present(deps.db, standing.org_id, mayAct(standing, 'entitlements:write') ? 'licence' : 'in use')
}

/** For sys-admins. Throws Refusal (not_found). */
export async function readLicence(deps: Pick<Deps, 'db'>, org: string): Promise<Entitlements> {
  const orgId = await findLicensee(deps.db, org)
  if (orgId === undefined) throw new Refusal('not_found', 'no such organization')
  return present(deps.db, orgId, 'licence')
}

/**
 * Makes these modules the whole licence; what is new is switched on where it can be. For sys-admins. Throws Refusal:
 * not_found, precondition_failed, INVALID_MODULE, ENHANCEMENT_REQUIRES_STANDALONE.
 */
export async function setLicence(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  modules: readonly string[],
  expected: ExpectedVersions,
  origin: Origin,
): Promise<Entitlements> {
  return withTransaction(deps.db, async (db) => {
    await requireActingSysAdmin(db, actor)
    const orgId = await lockOrganization(db, org)
    if (orgId === undefined || (await findLicensee(db, orgId)) === undefined)
      throw new Refusal('not_found', 'no such organization, or it is deleted')
    const { held, catalogue } = await readToChange(db, orgId, expected)
    requireModules(catalogue, modules)
    requireStandalones(catalogue, modules)
    const before = { licence: new Set(Object.keys(held.modules)), enabled: enabledOf(held) }
    const granted = modules.filter((module) => !before.licence.has(module))
    const withdrawn = [...before.licence].filter((module) => !modules.includes(module))
    const enabled = switchedOn(catalogue, modules, before)
    await deleteEntitlements(db, orgId, withdrawn)
    await insertEntitlements(
      db,
      orgId,
      granted.map((module) => ({ module, enabled: enabled.has(module) })),
    )
    await recordChange(deps, db, 'entitlement.licensed', { actor, orgId, modules: granted, origin })
    await recordChange(deps, db, 'entitlement.withdrawn', { actor, orgId, modules: withdrawn, origin })
    return present(db, orgId, 'licence')
  })
}

/**
 * Switches a module of the licence. For managers. Throws Refusal: access_denied, precondition_failed, INVALID_MODULE,
 * ENHANCEMENT_REQUIRES_STANDALONE.
 */
export async function switchModule(
  deps: ManagingDeps,
  actor: Actor,
  org: string,
  change: { readonly module: string; readonly enabled: boolean },
  expected: ExpectedVersions,
  origin: Origin,
): Promise<Entitlements> {
  return withTransaction(deps.db, async (db) => {
    const { org_id: orgId } = await requireAuthorityToChange(db, actor, org, 'entitlements:write')
    const { held, catalogue } = await readToChange(db, orgId, expected)
    const { module, enabled } = change
    requireModules(new Set(Object.keys(held.modules).filter((key) => catalogue.has(key))), [module])
    const before = enabledOf(held)
    if (before.has(module) !== enabled) {
      const resulting = new Set(before)
      if (enabled) resulting.add(module)
      else resulting.delete(module)
      requireStandalones(catalogue, resulting, before)
      await switchEntitlement(db, orgId, module, enabled)
      const kind = enabled ? 'entitlement.switched_on' : 'entitlement.switched_off'
      await recordChange(deps, db, kind, { actor, orgId, modules: [module], origin })
    }
    return present(db, orgId, 'licence')
  })
}

/** The first licence of an organization that is being made; all of it is switched on. Throws Refusal as setLicence. */
export async function grantFirstLicence(db: IdentityDb, orgId: string, modules: readonly string[]): Promise<void> {
  const catalogue = catalogueOf(await listModules(db))
  requireModules(catalogue, modules)
  requireStandalones(catalogue, modules)
  await insertEntitlements(
    db,
    orgId,
    modules.map((module) => ({ module, enabled: true })),
  )
}

/** Under the lock of the organization. */
async function readToChange(db: IdentityDb, orgId: string, expected: ExpectedVersions) {
  const held = await readEntitlements(db, orgId)
  if (expected !== 'any' && !expected.includes(held.version))
    throw new Refusal('precondition_failed', 'another version', 'Changed since it was read')
  return { held, catalogue: catalogueOf(await listModules(db)) }
}

function catalogueOf(modules: readonly Module[]): ReadonlyMap<string, Module> {
  return new Map(modules.map((module) => [module.key, module]))
}

function enabledOf(held: StoredEntitlements): ReadonlySet<string> {
  return new Set(Object.keys(held.modules).filter((module) => held.modules[module]))
}

async function present(db: IdentityDb, orgId: OrgId, view: View): Promise<Entitlements> {
  const held = await readEntitlements(db, orgId)
  const modules = await listModules(db)
  const enabled = [...enabledOf(held)].filter((module) => modules.some(({ key }) => key === module))
  const lacking = new Set(findLacks(catalogueOf(modules), enabled).map(({ module }) => module))
  const inUse = new Set(enabled.filter((module) => !lacking.has(module)))
  const shown = modules.filter(({ key }) => (view === 'licence' ? Object.hasOwn(held.modules, key) : inUse.has(key)))
  return {
    org_id: orgId,
    entitlements: shown.map(({ key, name, kind }) => ({
      module: key,
      name,
      kind,
      enabled: held.modules[key] === true,
    })),
    version: held.version,
  }
}

type Change = {
  readonly actor: Actor
  readonly orgId: OrgId
  readonly modules: readonly string[]
  readonly origin: Origin
}

async function recordChange(
  deps: ManagingDeps,
  db: IdentityDb,
  kind: AuditKind,
  { actor, orgId, modules, origin }: Change,
): Promise<void> {
  if (modules.length === 0) return
  await recordAudit(db, deps.makeId, kind, {
    outcome: 'success',
    ...byActor(actor, origin),
    orgId,
    details: { modules },
  })
}
