// /v1/me/sessions: where a person is signed in, and signing out elsewhere. The rules are sessions/own-sessions.ts.
import { sessionIdSchema } from '@meridian/protocol/ids'
import { type SessionList, type SessionsRevoked, sessionRevocationSchema } from '@meridian/protocol/sessions'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { endOwnSession, endOwnSessions, readOwnSessions } from '../../../sessions/own-sessions.ts'
import { authenticatePerson } from '../../bearer.ts'
import { originOf } from '../../origin.ts'

/** What is no id is looked for like any other that is not there. */
const NO_SESSION = '00000000-0000-0000-0000-000000000000'

export function sessionsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/me/sessions', async (request): Promise<SessionList> => {
    const person = await authenticatePerson(deps, request)
    return { sessions: [...(await readOwnSessions(deps, person))] }
  })

  app.delete<{ Params: { id: string } }>('/v1/me/sessions/:id', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const id = sessionIdSchema.safeParse(request.params.id.toLowerCase())
    await endOwnSession(deps, person, id.success ? id.data : NO_SESSION, originOf(request))
    return reply.code(204).send()
  })

  app.post('/v1/me/sessions/revoke', async (request): Promise<SessionsRevoked> => {
    const person = await authenticatePerson(deps, request)
    const { which } = parseInput(sessionRevocationSchema, request.body)
    return { ended: await endOwnSessions(deps, person, which, originOf(request)) }
  })
}
