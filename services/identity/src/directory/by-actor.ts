import type { Origin } from '../audit/record.ts'

/** A signed-in person, and by which sign-in they act. */
export type Actor = { readonly userId: string; readonly clientId: string; readonly sessionId: string }

/** Whoever acts; nobody has a session of a client at the hosted pages yet. */
export type ActingPerson = Omit<Actor, 'sessionId'> & { readonly sessionId: string | null }

/** The request that it was done in, or that left it to be done. */
export type Cause = { readonly requestId: string; readonly ip: string | null }

/**
 * Whoever has the operator's commands: may what a sys-admin may, and is nobody of the directory. Events name none for it,
 * and `command` as their request.
 */
export const OPERATOR = {
  userId: 'operator',
  clientId: 'command',
  sessionId: 'command',
  platformRole: 'sys_admin',
} as const

/** Where the operator's commands come from. */
export const COMMAND: Origin = { requestId: 'command', ip: '', userAgent: '' }

/** Who did it, and in which request, as an audit event keeps it. */
export function byActor(actor: ActingPerson, cause: Cause) {
  if (actor.userId === OPERATOR.userId) {
    return { requestId: cause.requestId, ip: null, actorUserId: null, clientId: null, sessionId: null }
  }
  return {
    requestId: cause.requestId,
    ip: cause.ip,
    actorUserId: actor.userId,
    clientId: actor.clientId,
    sessionId: actor.sessionId,
  }
}
