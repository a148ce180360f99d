// Cross-origin rules of the issuer: with credentials, and only for origins that some client is registered with.
// Each endpoint then holds the request to its own client's list. Fetch standard §3.2.
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { rememberAllowedOrigins } from '../directory/allowed-origins.ts'

/** None on the pages and the authorization endpoint (RFC 9700 §2.6); public documents allow everybody by themselves. */
function takesCrossOriginCalls(url: string): boolean {
  return (url.startsWith('/v1/') && !isPath(url, BRANDING)) || CALLED_BY_BROWSERS.some((path) => isPath(url, path))
}

const isPath = (url: string, path: string) => url === path || url.startsWith(`${path}?`)

const BRANDING = '/v1/branding'
const CALLED_BY_BROWSERS = ['/oauth/challenge', '/oauth/token', '/oauth/revoke', '/oauth/userinfo']

export async function registerCors(app: FastifyInstance, deps: Pick<Deps, 'db'>): Promise<void> {
  const allowedOrigins = rememberAllowedOrigins(deps.db)
  await app.register(cors, {
    delegator: async (request: FastifyRequest) => {
      const { origin } = request.headers
      if (origin === undefined || !takesCrossOriginCalls(request.url)) return { origin: false }
      const isAllowed = (await allowedOrigins()).has(origin)
      return {
        origin: isAllowed ? origin : false,
        credentials: isAllowed,
        methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
        allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-match', 'x-meridian-request'],
        exposedHeaders: ['etag', 'location', 'retry-after', 'www-authenticate'],
        maxAge: 600,
      }
    },
  })
  app.addHook('onRequest', async (_request, reply) => {
    void reply.header('vary', 'Origin')
  })
}
