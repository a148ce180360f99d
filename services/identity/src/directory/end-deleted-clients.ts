// What is left of a deleted client. Nothing is minted for it from the moment it is marked; its sessions are then ended
// in batches, each its own transaction, and whoever is interrupted is followed by the purge (sessions/purging.ts).
import { withTransaction } from '@meridian/database/transaction'
import type { Deps } from '../deps.ts'
import { endSomeSessions, listDeletedClientIds } from '../store/deleted-clients.ts'

/** Ends every session of those of the clients that are marked deleted. */
export async function endSessionsOfDeletedClients(deps: Pick<Deps, 'db'>, clientIds: readonly string[]): Promise<void> {
  const deleted = await listDeletedClientIds(deps.db, clientIds)
  if (deleted.length === 0) return
  for (let after: string | null | undefined; after !== null; ) {
    const from: string | undefined = after
    after = await withTransaction(deps.db, (db) => endSomeSessions(db, deleted, from))
  }
}

/** A pass for every deleted client but those that this process has been through; resolves to whom it needs no more. */
export async function finishDeletedClients(
  deps: Pick<Deps, 'db'>,
  finished: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const deleted = await listDeletedClientIds(deps.db, null)
  await endSessionsOfDeletedClients(
    deps,
    deleted.filter((id) => !finished.has(id)),
  )
  return new Set(deleted)
}
