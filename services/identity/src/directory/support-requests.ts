// The platform's side of support access: a sys-admin asks an organization to be let in, sees what became of it, and
// gives it back. Only sys-admins get here.
import { withTransaction } from '@meridian/database/transaction'
import type { PageQuery } from '@meridian/protocol/paging'
import type { SupportGrant, SupportGrantPage, SupportRequest } from '@meridian/protocol/support'
import type { Origin } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { lockOrganization } from '../store/authority.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { endSupportGrant, findOpenRegions, insertSupportGrant, listSupportGrants } from '../store/support-grants.ts'
import { requireActingSysAdmin } from './acting-sys-admin.ts'
import { answerOnce } from './answer-once.ts'
import type { Actor } from './by-actor.ts'
import {
  getSupportGrant,
  presentSupportGrant,
  recordSupport,
  roleOf,
  type SupportDeps,
  tellManagers,
} from './support-grant.ts'

/** Throws Refusal: not_found, unknown_region, conflict, idempotency_key_reused. */
export function requestSupport(
  deps: SupportDeps,
  actor: Actor,
  request: SupportRequest,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<SupportGrant> {
  const key = { scope: `request_support ${actor.userId}`, value: idempotencyKey, request }
  return withTransaction(deps.db, (db) => answerOnce(db, key, 201, () => ask(deps, db, actor, request, origin)))
}

const CLOSED = 'The organization is suspended, deleted or in no region: open it first'

async function ask(
  deps: SupportDeps,
  db: IdentityDb,
  actor: Actor,
  request: SupportRequest,
  origin: Origin,
): Promise<SupportGrant> {
  await requireActingSysAdmin(db, actor)
  const orgId = await lockOrganization(db, request.org)
  if (orgId === undefined) throw new Refusal('not_found', 'no such organization')
  const regions = await findOpenRegions(db, orgId)
  if (regions.length === 0) throw new Refusal('conflict', 'the organization is closed', CLOSED)
  if (!regions.includes(request.region))
    throw new Refusal('unknown_region', 'the organization is not there', 'region: is none of this organization’s')
  const id = deps.makeId()
  const { region, reason, access, duration_seconds: durationSeconds } = request
  const grant = { id, orgId, region, requestedBy: actor.userId, reason, role: roleOf(access), durationSeconds }
  if (!(await insertSupportGrant(db, grant)))
    throw new Refusal('conflict', 'a request waits already', 'An earlier request of yours waits for a decision')
  const row = await getSupportGrant(db, id)
  await recordSupport(deps, db, 'support.requested', row, { actor, origin })
  await tellManagers(deps, db, 'support_requested', row)
  return presentSupportGrant(row)
}

export async function listAllSupport(deps: Pick<Deps, 'db'>, page: PageQuery): Promise<SupportGrantPage> {
  return pageOfSupport(deps, undefined, page)
}

/** Throws Refusal (not_found). */
export async function readSupport(deps: Pick<Deps, 'db'>, id: string): Promise<SupportGrant> {
  return presentSupportGrant(await getSupportGrant(deps.db, id))
}

/** Any sys-admin's, by any sys-admin: giving back needs no leave. Throws Refusal (not_found). */
export function giveBackSupport(deps: SupportDeps, actor: Actor, id: string, origin: Origin): Promise<SupportGrant> {
  return withTransaction(deps.db, async (db) => {
    await requireActingSysAdmin(db, actor)
    const { org_id: orgId } = await getSupportGrant(db, id)
    await lockOrganization(db, orgId)
    const isEnded = await endSupportGrant(db, id, actor.userId, 'platform')
    const row = await getSupportGrant(db, id)
    if (isEnded) {
      await recordSupport(deps, db, 'support.ended', row, { actor, origin })
      await tellManagers(deps, db, 'support_ended', row)
    }
    return presentSupportGrant(row)
  })
}

/** Of an organization in these regions, or (without one) all there are. */
export async function pageOfSupport(
  deps: Pick<Deps, 'db'>,
  place: Parameters<typeof listSupportGrants>[1],
  { limit, cursor: before }: PageQuery,
): Promise<SupportGrantPage> {
  const rows = await listSupportGrants(deps.db, place, { before, limit: limit + 1 })
  const grants = rows.slice(0, limit).map(presentSupportGrant)
  return { support_grants: grants, next_cursor: rows.length > limit ? (grants.at(-1)?.id ?? null) : null }
}
