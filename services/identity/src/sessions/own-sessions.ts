// A person's view of their own sessions: the list of them, and the end of one, of all others, or of all. Ending any but
// the session that asks needs a recent sign-in (RFC 9470): a stolen token must not lock its owner out.
import { withTransaction } from '@meridian/database/transaction'
import type { Session } from '@meridian/protocol/sessions'
import { type Origin, recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { instantOf } from '../directory/instant.ts'
import { Refusal } from '../refusal.ts'
import { endSessions, type WhichSessions } from '../store/end-sessions.ts'
import { listSessions, type SessionRow } from '../store/session-list.ts'
import { requireRecentSignIn } from './recent-sign-in.ts'
import type { SignedInPerson } from './signed-in-person.ts'

type SessionDeps = Pick<Deps, 'db' | 'settings' | 'makeId'>

export async function readOwnSessions(
  deps: Pick<Deps, 'db' | 'settings'>,
  person: SignedInPerson,
): Promise<readonly Session[]> {
  const rows = await listSessions(deps.db, person, deps.settings.accessTokenTtlSeconds)
  return rows.map((row) => present(row, person.sessionId))
}

/** Throws Refusal: insufficient_user_authentication, or not_found for a session that is over or another's. */
export async function endOwnSession(
  deps: SessionDeps,
  person: SignedInPerson,
  sessionId: string,
  origin: Origin,
): Promise<void> {
  if (sessionId !== person.sessionId) requireRecentSignIn(deps.settings, person)
  const ended = await end(deps, person, { only: sessionId, except: null }, origin)
  if (ended === 0) throw new Refusal('not_found', 'no live session of theirs')
}

/** Ends all sessions of the person, or all but the one that asks. Resolves to how many. */
export async function endOwnSessions(
  deps: SessionDeps,
  person: SignedInPerson,
  which: 'others' | 'all',
  origin: Origin,
): Promise<number> {
  requireRecentSignIn(deps.settings, person)
  return end(deps, person, { only: null, except: which === 'others' ? person.sessionId : null }, origin)
}

async function end(deps: SessionDeps, person: SignedInPerson, which: WhichSessions, origin: Origin): Promise<number> {
  return withTransaction(deps.db, async (db) => {
    const ended = await endSessions(db, person.userId, which, 'signed_out')
    for (const sessionId of ended) {
      await recordAudit(db, deps.makeId, 'session.revoked', {
        outcome: 'success',
        requestId: origin.requestId,
        ip: origin.ip,
        actorUserId: person.userId,
        clientId: person.clientId,
        sessionId,
        details: { by_session: person.sessionId },
      })
    }
    return ended.length
  })
}

function present(row: SessionRow, currentId: string): Session {
  return {
    id: row.id,
    current: row.id === currentId,
    client: { id: row.client_id, name: row.client_name },
    device: { user_agent: row.user_agent, ip: row.ip },
    created_at: instantOf(row.created_at),
    last_used_at: instantOf(row.last_used_at),
    auth_time: Math.floor(row.auth_time),
    contexts: row.contexts.map(({ id, name, slug, region, first_used_at: firstUsedAt }) => ({
      org: { id, name, slug },
      region,
      first_used_at: instantOf(firstUsedAt),
    })),
    ended_at: row.ended_at === null ? null : instantOf(row.ended_at),
    ended_reason: row.ended_reason,
  }
}
