// Provisioning: an organization, its regions and its first manager, in one transaction. Only sys-admins get here.
import { withTransaction } from '@meridian/database/transaction'
import { orgIdSchema, userIdSchema } from '@meridian/protocol/ids'
import type { Org, OrgCreate } from '@meridian/protocol/org-create'
import { type Origin, recordAudit } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  insertManager,
  insertOrganization,
  isMembershipOfSysAdmin,
  isSlugTaken,
  listActiveRegionCodes,
} from '../store/organizations.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { answerOnce } from './answer-once.ts'
import { type Actor, byActor } from './by-actor.ts'
import { grantFirstLicence } from './entitlements.ts'
import { type AppointingDeps, lockManagerToBe, ofSysAdmin, tellManager } from './first-manager.ts'

/**
 * Throws Refusal: unknown_region, slug_taken, email_taken, conflict, sys_admin_cannot_be_member, INVALID_MODULE,
 * ENHANCEMENT_REQUIRES_STANDALONE, idempotency_key_reused.
 */
export async function createOrganization(
  deps: AppointingDeps,
  actor: Actor,
  request: OrgCreate,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<Org> {
  const key = { scope: `create_organization ${actor.userId}`, value: idempotencyKey, request }
  try {
    return await withTransaction(deps.db, (db) =>
      answerOnce(db, key, 201, () => provision(deps, db, actor, request, origin)),
    )
  } catch (error) {
    if (isSlugTaken(error)) throw new Refusal('slug_taken', 'the slug is taken', 'Choose another slug.')
    throw isMembershipOfSysAdmin(error) ? ofSysAdmin() : error
  }
}

async function provision(
  deps: AppointingDeps,
  db: IdentityDb,
  actor: Actor,
  request: OrgCreate,
  origin: Origin,
): Promise<Org> {
  await requireActingSysAdmin(db, actor)
  const known = await listActiveRegionCodes(db)
  const unknown = request.regions.find((code) => !known.has(code))
  if (unknown !== undefined)
    throw new Refusal('unknown_region', 'a region that is not active', 'regions: names an unknown region')
  const userId = await lockManagerToBe(deps, db, request.first_manager)
  const orgId = orgIdSchema.parse(deps.makeId())
  await insertOrganization(db, {
    id: orgId,
    slug: request.slug,
    name: request.name,
    primaryContactName: request.primary_contact.name,
    primaryContactEmail: request.primary_contact.email,
    subscriptionTier: request.subscription_tier,
    regions: request.regions,
  })
  await insertManager(db, deps.makeId, { userId, orgId, regions: request.regions })
  await tellManager(deps, db, request.first_manager.email, request.name)
  await grantFirstLicence(db, orgId, request.modules)
  const { regions, modules } = request
  const event = { ...byActor(actor, origin), orgId, details: { regions, modules, first_manager: userId } }
  await recordAudit(db, deps.makeId, 'organization.created', { ...event, outcome: 'success' })
  return {
    id: orgId,
    slug: request.slug,
    name: request.name,
    status: 'active',
    subscription_tier: request.subscription_tier,
    regions: [...request.regions],
    first_manager: { id: userIdSchema.parse(userId) },
    version: 1,
  }
}
