// Cross-origin rules of the issuer: with credentials, and only for origins that some client is registered with.
// Each endpoint then holds the request to its own client's list. Fetch standard §3.2.
import cors from '@fastify/cors'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { rememberAllowedOrigins } from '../directory/allowed-origins.ts'

export async function registerCors(app: FastifyInstance, deps: Pick<Deps, 'db'>): Promise<void> {
  const allowedOrigins = rememberAllowedOrigins(deps.db)
  await app.register(cors, {
    delegator: async (request: FastifyRequest) => {
      const { origin } = request.headers
      const isPublic = request.url.startsWith('/.well-known/') || request.url.startsWith('/oauth/jwks')
      if (origin === undefined || isPublic) return { origin: false }
      const isAllowed = (await allowedOrigins()).has(origin)
      return {
        origin: isAllowed ? origin : false,
        credentials: isAllowed,
        methods: ['GET', 'POST', 'PUT'],
        allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'x-meridian-request'],
        maxAge: 600,
      }
    },
  })
  app.addHook('onRequest', async (_request, reply) => {
    void reply.header('vary', 'Origin')
  })
}
