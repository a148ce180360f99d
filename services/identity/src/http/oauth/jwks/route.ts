// GET /oauth/jwks: the issuer's public keys (RFC 7517 §5), as one constant buffer that caches may keep.
import { JWKS_MEDIA_TYPE } from '@meridian/protocol/jwks'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { JWKS_MAX_AGE_SECONDS, JWKS_STALE_IF_ERROR_SECONDS } from '../../../keys/life-cycle.ts'

const CACHE_CONTROL = `public, max-age=${JWKS_MAX_AGE_SECONDS}, stale-if-error=${JWKS_STALE_IF_ERROR_SECONDS}`

export function jwksRoute(app: FastifyInstance, deps: Pick<Deps, 'keySet'>): void {
  app.get('/oauth/jwks', async (request, reply) => {
    const { document, etag } = deps.keySet()
    void reply.headers({
      'cache-control': CACHE_CONTROL,
      etag,
      'content-type': JWKS_MEDIA_TYPE,
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
    })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.send(document)
  })
}
