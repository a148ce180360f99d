// Refusals of authorization, kept so that somebody who tries doors is seen. A flood of them becomes few events: of each
// actor the first of a minute are written one by one, and of the rest how many there were. The count is this process's;
// what it is for is the size of the table, and nothing that security rests on.
import type { Deps } from '../deps.ts'
import { findConcernedOrg } from '../store/audit-refusals.ts'
import { type AuditKind, type Origin, recordAudit } from './record.ts'

const EVENTS_A_MINUTE = 20
/** Beyond so many actors in a minute, the others count as one. */
const MAX_ACTORS = 10_000

export type Refused = {
  readonly kind: Extract<AuditKind, 'access.refused' | 'client.refused'>
  readonly actor: RefusedActor
  /** As it is declared, such as `GET /v1/orgs/:org/members`. */
  readonly route: string
  readonly code: string
  /** Id or slug, as the request has it. */
  readonly org?: string | undefined
  readonly origin: Origin
}

/** All null: a client that is none, or proved nothing. */
export type RefusedActor = {
  readonly userId: string | null
  readonly clientId: string | null
  readonly sessionId: string | null
}

type Tally = { readonly refused: Refused; leftOut: number; written: number }

export type RefusalRecorder = {
  record(refused: Refused): Promise<void>
  /** Writes what was left out, and begins to count anew. */
  endMinute(): Promise<void>
}

export function createRefusalRecorder(deps: Pick<Deps, 'db' | 'makeId'>): RefusalRecorder {
  let tallies = new Map<string, Tally>()

  return {
    record: async (refused) => {
      const { kind, actor } = refused
      const own = `${kind} ${actor.userId ?? ''} ${actor.clientId ?? ''}`
      const key = tallies.has(own) || tallies.size < MAX_ACTORS ? own : 'others'
      const tally = tallies.get(key) ?? { refused, leftOut: 0, written: 0 }
      tallies.set(key, tally)
      if (tally.written >= EVENTS_A_MINUTE) {
        tally.leftOut += 1
        return
      }
      tally.written += 1
      await writeRefusal(deps, refused)
    },
    endMinute: async () => {
      const ended = tallies
      tallies = new Map()
      for (const [key, { refused, leftOut }] of ended) {
        if (leftOut > 0) await writeLeftOut(deps, key === 'others' ? null : refused.actor, refused, leftOut)
      }
    },
  }
}

/** An organization sees who of its own people was refused; what strangers try with it is the platform's to see. */
async function writeRefusal(deps: Pick<Deps, 'db' | 'makeId'>, refused: Refused): Promise<void> {
  const { actor, route, code, org, origin } = refused
  const concerned = org === undefined ? undefined : await findConcernedOrg(deps.db, org, actor.userId)
  const isForeign = concerned !== undefined && !concerned.is_own
  await recordAudit(deps.db, deps.makeId, refused.kind, {
    ...actedBy(actor),
    outcome: 'refused',
    requestId: origin.requestId,
    ip: origin.ip,
    orgId: concerned?.is_own === true ? concerned.org_id : null,
    details: { route, code, ...(isForeign ? { foreign_org: concerned.org_id } : {}) },
  })
}

function writeLeftOut(
  deps: Pick<Deps, 'db' | 'makeId'>,
  actor: RefusedActor | null,
  { kind, origin }: Refused,
  leftOut: number,
): Promise<void> {
  return recordAudit(deps.db, deps.makeId, kind, {
    ...(actor === null ? {} : actedBy(actor)),
    outcome: 'refused',
    requestId: origin.requestId,
    details: { left_out: leftOut },
  })
}

function actedBy({ userId: actorUserId, clientId, sessionId }: RefusedActor) {
  return { actorUserId, clientId, sessionId }
}
