// What becomes of a deleted organization once its grace is over: every region that it has ever been in is told to erase
// what it has of it, and when all of them have said that they did, so does the centre. Id and slug are left.
import { withTransaction } from '@meridian/database/transaction'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { type Kept, keepDoing } from '../keep-doing.ts'
import { insertErasureOrders, listRegionsStillToErase } from '../store/erasure-orders.ts'
import {
  ERASURE_STEPS,
  eraseSome,
  finishPurge,
  forgetSomeDomains,
  freePurgedSlugs,
  listOrganizationsToPurge,
  listRegionsEver,
  lockOrganizationToPurge,
  releaseSomeDomains,
} from '../store/organization-purge.ts'

type PurgeDeps = Pick<Deps, 'db' | 'makeId' | 'settings' | 'log'>

const LOOKED_AT = 100
const LOOK_EVERY_MS = 10 * 60_000

export function startPurgingOrganizations(deps: PurgeDeps): Kept {
  return keepDoing(async () => {
    try {
      await purgeDeletedOrganizations(deps)
    } catch (error) {
      deps.log.warn({ err: error }, 'deleted organizations were not looked at; it is tried again later')
    }
  }, LOOK_EVERY_MS)
}

/** Does what can be done of it now; the rest is for later. One that fails holds up no other. */
export async function purgeDeletedOrganizations(deps: PurgeDeps): Promise<void> {
  for (let after: string | undefined; ; ) {
    const due = await listOrganizationsToPurge(deps.db, after, LOOKED_AT)
    for (const orgId of due) {
      try {
        if (await purge(deps, orgId)) deps.log.info({ org_id: orgId }, 'purged a deleted organization')
      } catch (error) {
        deps.log.warn({ err: error, org_id: orgId }, 'a deleted organization was not purged; it is tried again later')
      }
    }
    if (due.length < LOOKED_AT) break
    after = due.at(-1)
  }
  while (await withTransaction(deps.db, forgetSomeDomains));
  const freed = await withTransaction(deps.db, (db) => freePurgedSlugs(db, deps.settings.slugQuarantineSeconds))
  if (freed > 0) deps.log.info({ slugs: freed }, 'slugs of purged organizations are free again')
}

/** Resolves to whether it is done. */
async function purge(deps: PurgeDeps, orgId: string): Promise<boolean> {
  const order = { kind: 'organization', subjectId: orgId } as const
  const isOurs = await withTransaction(deps.db, async (db) => {
    if (!(await lockOrganizationToPurge(db, orgId))) return false
    await insertErasureOrders(db, deps.makeId, order, await listRegionsEver(db, orgId))
    return true
  })
  if (!isOurs || (await listRegionsStillToErase(deps.db, order)).length > 0) return false
  const { domainQuarantineSeconds } = deps.settings
  while (await withTransaction(deps.db, (db) => releaseSomeDomains(db, orgId, domainQuarantineSeconds)));
  for (let step = 0; step < ERASURE_STEPS; step += 1) {
    while (await withTransaction(deps.db, (db) => eraseSome(db, orgId, step)));
  }
  return withTransaction(deps.db, async (db) => {
    if (!(await lockOrganizationToPurge(db, orgId))) return false
    await finishPurge(db, orgId)
    await recordAudit(db, deps.makeId, 'organization.purged', { outcome: 'success', requestId: 'purge', orgId })
    return true
  })
}
