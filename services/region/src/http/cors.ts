// Which web origins may call this API from a browser (Fetch standard §3.2): those of the settings, those of clients as the
// centre has them, and the hosts of organizations, each for its own organization. Bearer only: no cookie is ever sent
// along, so an allowed origin gains nothing that its token does not give.
import cors from '@fastify/cors'
import type { TenantHosts } from '@meridian/resource-server/host-map'
import type { FastifyInstance, FastifyRequest } from 'fastify'

const PREFLIGHT_MAX_AGE_SECONDS = 600
const OPTIONS = {
  credentials: false,
  methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
  allowedHeaders: ['authorization', 'content-type', 'if-match'],
  exposedHeaders: ['etag', 'location', 'retry-after', 'www-authenticate', 'x-request-id'],
  maxAge: PREFLIGHT_MAX_AGE_SECONDS,
}

type ClientOrigins = { has(origin: string): boolean }
type Hosts = Pick<TenantHosts, 'resolve'>

export async function registerCors(
  app: FastifyInstance,
  { origins, clientOrigins, hosts }: { origins: readonly string[]; clientOrigins: ClientOrigins; hosts: Hosts },
): Promise<void> {
  const listed = new Set(origins)
  const isListed = (origin: string) => listed.has(origin) || clientOrigins.has(origin)
  await app.register(cors, {
    delegator: async (request: FastifyRequest) => {
      const { origin } = request.headers
      const isAllowed = origin !== undefined && (isListed(origin) || isOfOrganization(origin, request, hosts))
      return { ...OPTIONS, origin: isAllowed ? origin : false }
    },
  })
  app.addHook('onRequest', async (_request, reply) => {
    void reply.header('vary', 'Origin')
  })
}

/**
 * Whether an origin is a host of an organization, called at a neutral host or at one of that organization. As safe as
 * the API itself is reached: no plain http where that has TLS, and no other port than its own.
 */
function isOfOrganization(origin: string, request: FastifyRequest, hosts: Hosts): boolean {
  const url = URL.parse(origin)
  if (url === null || url.origin !== origin || url.hostname.endsWith('.')) return false
  if (url.protocol !== 'https:' && url.protocol !== `${request.protocol}:`) return false
  if (url.port !== '' && !request.host.endsWith(`:${url.port}`)) return false
  const own = hosts.resolve(url.hostname)
  if (own.kind !== 'tenant') return false
  const called = hosts.resolve(request.host)
  return called.kind === 'neutral' || (called.kind === 'tenant' && called.orgId === own.orgId)
}
