import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'

const PREFLIGHT_MAX_AGE_SECONDS = 600

/** Bearer only: no cookie is ever sent along, so an origin on the list gains nothing that its token does not give. */
export async function registerCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(cors, {
    origin: [...origins],
    credentials: false,
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'if-match'],
    exposedHeaders: ['etag', 'location', 'retry-after', 'www-authenticate', 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  })
}
