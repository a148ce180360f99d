import { withTransaction } from '@meridian/database/transaction'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import type { IdentityDatabase } from '../store/open-store.ts'
import { insertSessionContext } from '../store/session-contexts.ts'

/** Some 100 bytes each. One that was forgotten costs a statement that finds its row there, nothing more. */
const MAX_REMEMBERED = 50_000

const rememberedOf = new WeakMap<IdentityDatabase, Set<string>>()

export type ContextUse = {
  readonly sessionId: string
  readonly userId: string
  readonly clientId: string
  readonly orgId: string
  readonly region: string
}

/**
 * Notes the first token of a session for a context, for its owner's list of sessions and for the audit. What this
 * process has noted already it does not send again, so that a refresh stays one statement.
 */
export async function recordFirstToken(
  deps: Pick<Deps, 'db' | 'makeId'>,
  use: ContextUse,
  origin: Origin,
): Promise<void> {
  const remembered = rememberedOf.get(deps.db) ?? new Set()
  rememberedOf.set(deps.db, remembered)
  const key = `${use.sessionId} ${use.orgId} ${use.region}`
  if (remembered.has(key)) return
  await withTransaction(deps.db, async (db) => {
    if (!(await insertSessionContext(db, use))) return
    await recordAudit(db, deps.makeId, 'context.first_token', {
      outcome: 'success',
      requestId: origin.requestId,
      ip: origin.ip,
      actorUserId: use.userId,
      clientId: use.clientId,
      sessionId: use.sessionId,
      orgId: use.orgId,
      region: use.region,
    })
  })
  remember(remembered, key)
}

function remember(remembered: Set<string>, key: string): void {
  const [oldest] = remembered
  if (oldest !== undefined && remembered.size >= MAX_REMEMBERED) remembered.delete(oldest)
  remembered.add(key)
}
