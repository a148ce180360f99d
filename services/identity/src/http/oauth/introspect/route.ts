// POST /oauth/introspect (RFC 7662): for confidential clients. What they may know is sessions/introspect.ts.
import type { Introspection } from '@meridian/protocol/introspection'
import { introspectionRequestSchema } from '@meridian/protocol/oauth-requests'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { assertOriginAllowed } from '../../../directory/client-rules.ts'
import { authenticateClient } from '../../../grants/authenticate-client.ts'
import { introspect } from '../../../sessions/introspect.ts'
import { parseForm } from '../../form.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function introspectRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.post('/oauth/introspect', { config: { rateLimit } }, async (request): Promise<Introspection> => {
    const form = parseForm(introspectionRequestSchema, request)
    const { authorization, origin } = request.headers
    const client = await authenticateClient(deps, { ...form, authorization })
    request.logFields = { ...request.logFields, client_id: client.id }
    assertOriginAllowed(client, origin)
    return introspect(deps, client, form.token)
  })
}
