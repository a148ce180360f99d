// POST /oauth/revoke (RFC 7009): signs out. A client with cookie transport revokes what its cookie holds.
import { revocationRequestSchema } from '@meridian/protocol/oauth-requests'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { assertOriginAllowed } from '../../../directory/client-rules.ts'
import { authenticateClient } from '../../../grants/authenticate-client.ts'
import { Refusal } from '../../../refusal.ts'
import { revokeToken } from '../../../sessions/revoke-token.ts'
import { parseForm } from '../../form.ts'
import { readRetryKeyHash } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'
import { assertCookieRequest, clearRefreshCookies, readRefreshCookie } from '../refresh-cookie.ts'

export function revokeRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.post('/oauth/revoke', { config: { rateLimit } }, async (request, reply) => {
    const form = parseForm(revocationRequestSchema, request)
    const { authorization, origin } = request.headers
    const client = await authenticateClient(deps, { ...form, authorization })
    assertOriginAllowed(client, origin)
    if (client.refreshTransport === 'cookie') {
      assertCookieRequest(client, request, readRetryKeyHash(request) !== null)
      const token = readRefreshCookie(deps, client, request)
      if (token !== undefined) await revokeToken(deps, client, token, originOf(request))
      // Only now: a browser that was told 503 must still hold what it asks again with.
      clearRefreshCookies(reply, deps.settings.issuer, client.id)
      return reply.code(200).send()
    }
    if (form.token === undefined) throw new Refusal('invalid_request', 'no token', 'token: is missing')
    await revokeToken(deps, client, form.token, originOf(request))
    return reply.code(200).send()
  })
}
