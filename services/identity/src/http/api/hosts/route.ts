// /v1/hosts: what a proxy in front of the regions asks. Anybody may: it tells no more than a visit to the host would,
// and every host that leads nowhere is answered alike.
import { type HostResolution, hostQuerySchema, tlsQuerySchema } from '@meridian/protocol/hosts'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { resolveHost } from '../../../directory/host-map.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function hostsRoutes(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.get('/v1/hosts/resolve', { config: { rateLimit } }, async (request, reply): Promise<HostResolution> => {
    const { host } = parseInput(hostQuerySchema, request.query)
    const found = await resolveHost(deps, host)
    // For proxies that read headers and no JSON.
    if (found.redirect_to !== null) void reply.header('x-redirect-to', found.redirect_to)
    return found
  })

  // As Caddy's on_demand_tls asks: a certificate for every host that leads somewhere, and for no other.
  app.get('/v1/hosts/tls-ask', { config: { rateLimit } }, async (request, reply) => {
    const { domain } = parseInput(tlsQuerySchema, request.query)
    await resolveHost(deps, domain)
    return reply.code(200).send()
  })
}
