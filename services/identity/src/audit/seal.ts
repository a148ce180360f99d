// Seals what waits: orders the events of each chain that nothing can overtake any more, and links them by hash. Any
// process may do it at any time; whoever has the lock of a chain's head is its one sealer.
import { withTransaction } from '@meridian/database/transaction'
import type { Deps } from '../deps.ts'
import type { AuditRow } from '../store/audit-rows.ts'
import {
  type ChainHead,
  insertCheckpoint,
  listDueChains,
  lockChain,
  readWaitingEvents,
  type Seal,
  writeSeals,
} from '../store/audit-seals.ts'
import { hashOf } from './chain.ts'
import type { SignCheckpoint } from './checkpoint.ts'

const BATCH_EVENTS = 500
const EVENTS_A_CHECKPOINT = 1000
/** After an event a chain may wait so long for its signature. */
export const CHECKPOINT_SECONDS = 3600

export type SealDeps = Pick<Deps, 'db' | 'log'> & {
  readonly settings: Pick<Deps['settings'], 'issuer'>
  readonly signCheckpoint: SignCheckpoint
}

/** Seals all that can be sealed now, and signs what is due. Resolves to how many events were sealed. */
export async function sealWaiting(deps: SealDeps): Promise<number> {
  let total = 0
  for (const chain of await listDueChains(deps.db, CHECKPOINT_SECONDS)) {
    try {
      for (let sealed = BATCH_EVENTS; sealed === BATCH_EVENTS; total += sealed) sealed = await sealBatch(deps, chain)
    } catch (error) {
      deps.log.warn({ err: error, chain }, 'a chain of audit events was not sealed; it is tried again in a second')
    }
  }
  return total
}

async function sealBatch(deps: SealDeps, chain: string): Promise<number> {
  const { sealed, checkpoint } = await withTransaction(deps.db, async (db) => {
    const head = await lockChain(db, chain)
    if (head === undefined) return { sealed: 0 }
    const events = await readWaitingEvents(db, chain, BATCH_EVENTS)
    const seals = linked(events, chain, head)
    const { seq, hash } = seals.at(-1) ?? head
    if (seals.length > 0) await writeSeals(db, chain, seals)
    if (!isCheckpointDue(head, seq)) return { sealed: seals.length }
    const claims = { iss: deps.settings.issuer, chain, seq, hash, iat: Math.floor(head.now) }
    const token = deps.signCheckpoint(claims)
    await insertCheckpoint(db, chain, seq, token)
    return { sealed: seals.length, checkpoint: token }
  })
  // Where logs are kept elsewhere, the chain is held to them: meridian audit verify --checkpoint.
  if (checkpoint !== undefined) deps.log.info({ checkpoint }, 'audit checkpoint')
  return sealed
}

function linked(events: readonly AuditRow[], chain: string, head: ChainHead): readonly Seal[] {
  let { seq, hash } = head
  return events.map((event) => {
    seq += 1
    hash = hashOf(event, { chain, seq, previousHash: hash })
    return { id: event.id, seq, hash }
  })
}

function isCheckpointDue(head: ChainHead, seq: number): boolean {
  if (seq - head.signed_seq >= EVENTS_A_CHECKPOINT) return true
  return head.unsigned_seconds !== null && head.unsigned_seconds >= CHECKPOINT_SECONDS
}
