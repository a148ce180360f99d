// Provisioning: an organization, its regions and its first manager, in one transaction. Only sys-admins get here.
import { withTransaction } from '@meridian/database/transaction'
import { orgIdSchema, userIdSchema } from '@meridian/protocol/ids'
import type { Org, OrgCreate } from '@meridian/protocol/orgs'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  insertMemberships,
  insertOrganization,
  isMembershipOfSysAdmin,
  isSlugTaken,
  listActiveRegionCodes,
} from '../store/organizations.ts'
import { findUserByEmail, insertUserIfAbsent } from '../store/users.ts'
import { answerOnce } from './answer-once.ts'

type Provisioning = Pick<Deps, 'db' | 'makeId'>

export type Actor = { readonly userId: string; readonly clientId: string; readonly sessionId: string }

/** Throws Refusal: unknown_region, slug_taken, email_taken, sys_admin_cannot_be_member, idempotency_key_reused. */
export async function createOrganization(
  deps: Provisioning,
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
    if (isMembershipOfSysAdmin(error))
      throw new Refusal('sys_admin_cannot_be_member', 'the first manager is a sys-admin')
    throw error
  }
}

async function provision(
  deps: Provisioning,
  db: IdentityDb,
  actor: Actor,
  request: OrgCreate,
  origin: Origin,
): Promise<Org> {
  const known = await listActiveRegionCodes(db)
  const unknown = request.regions.find((code) => !known.has(code))
  if (unknown !== undefined)
    throw new Refusal('unknown_region', 'a region that is not active', 'regions: names an unknown region')
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
  const { email, name } = request.first_manager
  await insertUserIfAbsent(db, { id: deps.makeId(), email, name })
  const manager = await findUserByEmail(db, email)
  if (manager === null)
    throw new Refusal(
      'email_taken',
      'somebody may still have this address back',
      'first_manager: the address is held for whoever had it lately',
    )
  await insertMemberships(
    db,
    request.regions.map((region) => ({ id: deps.makeId(), userId: manager.id, orgId, region, role: 'manager' })),
  )
  await recordAudit(db, deps.makeId, 'organization.created', {
    outcome: 'success',
    requestId: origin.requestId,
    ip: origin.ip,
    actorUserId: actor.userId,
    clientId: actor.clientId,
    sessionId: actor.sessionId,
    orgId,
    details: { regions: request.regions, first_manager: manager.id },
  })
  return {
    id: orgId,
    slug: request.slug,
    name: request.name,
    status: 'active',
    subscription_tier: request.subscription_tier,
    regions: [...request.regions],
    first_manager: { id: userIdSchema.parse(manager.id) },
    version: 1,
  }
}
