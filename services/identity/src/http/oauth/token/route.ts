// POST /oauth/token (RFC 6749 §3.2): the form is parsed once, the client is authenticated, its transport is held to;
// then grants/dispatch.ts takes over.
import { grantTypeSchema } from '@meridian/protocol/oauth'
import { type TokenRequest, tokenRequestSchema } from '@meridian/protocol/oauth-requests'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Deps } from '../../../deps.ts'
import { assertOriginAllowed, type Client } from '../../../directory/client-rules.ts'
import { authenticateClient } from '../../../grants/authenticate-client.ts'
import { issueTokens } from '../../../grants/dispatch.ts'
import { Refusal } from '../../../refusal.ts'
import { parseForm } from '../../form.ts'
import { readRetryKeyHash } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'
import { assertCookieRequest, moveToCookie, readRefreshCookie } from '../refresh-cookie.ts'

export function tokenRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.post('/oauth/token', { config: { rateLimit } }, async (request, reply) => {
    const form = parseTokenRequest(request)
    const { authorization, origin } = request.headers
    const client = await authenticateClient(deps, { ...form, authorization })
    request.logFields = { ...request.logFields, client_id: client.id }
    assertOriginAllowed(client, origin)
    const retryKeyHash = readRetryKeyHash(request)
    const bySession = form.grant_type === 'authorization_code' || form.grant_type === 'refresh_token'
    const byCookie = client.refreshTransport === 'cookie' && bySession
    if (byCookie) assertCookieRequest(client, request, retryKeyHash !== null)
    const carried = byCookie ? readFromCookie(deps, client, request, form) : form
    const response = await issueTokens(
      deps,
      { client, retryKeyHash, origin: originOf(request), isAnswered: () => reply.sent },
      carried,
    )
    void reply.header('pragma', 'no-cache')
    return byCookie ? moveToCookie(reply, deps, client, response) : response
  })
}

const namedGrantSchema = z.object({ grant_type: z.string().min(1).max(100) })

function parseTokenRequest(request: FastifyRequest): TokenRequest {
  const { grant_type: grantType } = parseForm(namedGrantSchema, request)
  if (!grantTypeSchema.safeParse(grantType).success) {
    throw new Refusal('unsupported_grant_type', 'no such grant here')
  }
  return parseForm(tokenRequestSchema, request)
}

function readFromCookie(deps: Deps, client: Client, request: FastifyRequest, form: TokenRequest): TokenRequest {
  if (form.grant_type !== 'refresh_token') return form
  if (form.refresh_token !== undefined) {
    throw new Refusal('invalid_request', 'a refresh token in the body', 'refresh_token: this client uses its cookie')
  }
  const token = readRefreshCookie(deps, client, request)
  if (token === undefined) throw new Refusal('invalid_grant', 'no refresh cookie')
  return { ...form, refresh_token: token }
}
