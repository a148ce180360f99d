// /v1/users: sys-admins look people up, and lock accounts. Everything here needs a recent sign-in (RFC 9470) and is
// recorded. It shows no role and changes no membership: those are the organizations' own.
import { type User, type UserList, userQuerySchema, userStatusChangeSchema } from '@meridian/protocol/users'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { changeUserStatus } from '../../../directory/lock-user.ts'
import { lookUpByEmail, lookUpById } from '../../../directory/look-up-user.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import { idOf } from '../../path-names.ts'

export function usersRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/users', async (request): Promise<UserList> => {
    const actor = await authenticate(deps, request)
    const { email } = parseInput(userQuerySchema, request.query)
    return lookUpByEmail(deps, actor, email, originOf(request))
  })

  app.get('/v1/users/:id', async (request, reply) => {
    const actor = await authenticate(deps, request)
    return send(reply, await lookUpById(deps, actor, idOf(request, 'id'), originOf(request)))
  })

  app.put('/v1/users/:id/status', async (request, reply) => {
    const actor = await authenticate(deps, request)
    const target = { id: idOf(request, 'id'), expected: parseIfMatch(request.headers['if-match']) }
    const change = parseInput(userStatusChangeSchema, request.body)
    return send(reply, await changeUserStatus(deps, actor, target, change, originOf(request)))
  })
}

async function authenticate(deps: Deps, request: FastifyRequest) {
  const actor = await authenticateSysAdmin(deps, request)
  requireRecentSignIn(deps.settings, actor)
  return actor
}

function send(reply: FastifyReply, user: User): FastifyReply {
  return reply.header('etag', entityTagOf(user.version)).send(user)
}
