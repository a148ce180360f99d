// GET and POST /oauth/userinfo (OpenID Connect Core §5.3): claims about the person whose account token is shown, in the
// Authorization header or in a form (RFC 6750 §2.1, §2.2), never in the address. Its errors are RFC 6750 §3.
import { userInfoRequestSchema } from '@meridian/protocol/oauth-requests'
import type { UserInfo } from '@meridian/protocol/user-info'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { Refusal } from '../../../refusal.ts'
import { userInfoOf } from '../../../sessions/user-info.ts'
import { personOf, readBearer } from '../../bearer.ts'
import { parseForm } from '../../form.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function userInfoRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.route({
    method: ['GET', 'POST'],
    url: '/oauth/userinfo',
    config: { rateLimit },
    handler: async (request): Promise<UserInfo> => userInfoOf(await personOf(deps, request, readToken(request))),
  })
}

function readToken(request: FastifyRequest): string {
  if (typeof request.query === 'object' && request.query !== null && 'access_token' in request.query) {
    throw new Refusal('invalid_request', 'a token in the address', 'access_token: not in the address')
  }
  const { access_token: token } = parseForm(userInfoRequestSchema, request)
  if (token === undefined) return readBearer(request)
  if (request.headers.authorization !== undefined) {
    throw new Refusal('invalid_request', 'two tokens', 'access_token: given twice')
  }
  return token
}
