// One Fastify route, guarded in the way that GUARD names: `none`, `resource-server` (packages/resource-server), or
// `fastify-jwt` (@fastify/jwt with get-jwks, as their documentation puts them together).

import fastifyJwt from '@fastify/jwt'
import { scheduleWithTimer } from '@meridian/resource-server/background-refresh'
import { createTenantHosts } from '@meridian/resource-server/host-map'
import { createKeyRing } from '@meridian/resource-server/key-ring'
import { resourceServer } from '@meridian/resource-server/plugin'
import { createRevocations } from '@meridian/resource-server/revocations'
import { type FastifyInstance, fastify } from 'fastify'
import buildGetJwks from 'get-jwks'

const { GUARD, ISSUER = '', AUDIENCE = '', REGION = '', PORT } = process.env
const CACHED_TOKENS_MAX = 10_000

const payload = { user_id: 'a person', org_id: 'an organization', region: REGION, role: 'manager', permissions: [] }
const silentLog = { info: () => {}, warn: () => {}, error: () => {} }
const app = fastify()

async function guardWithResourceServer(server: FastifyInstance): Promise<void> {
  const background = { nowMs: Date.now, random: Math.random, schedule: scheduleWithTimer, log: silentLog }
  const keys = createKeyRing({
    ...background,
    jwksUrl: `${ISSUER}/.well-known/jwks.json`,
    store: { load: async () => [], save: async () => {} },
    fetch,
  })
  const hosts = createTenantHosts({
    ...background,
    region: REGION,
    neutralHosts: ['127.0.0.1'],
    loadHosts: async () => ({ region: REGION, hosts: [] }) as never,
    store: { load: async () => null, save: async () => {} },
  })
  await Promise.all([keys.refresh(), hosts.refresh()])
  await server.register(resourceServer, {
    expectations: { issuer: ISSUER, audience: AUDIENCE, region: REGION, leewaySeconds: 30 },
    keys,
    hosts,
    revocations: createRevocations(Date.now),
    nowMs: Date.now,
    cachedTokensMax: CACHED_TOKENS_MAX,
  })
}

async function guardWithFastifyJwt(server: FastifyInstance): Promise<void> {
  const getJwks = buildGetJwks({ issuersWhitelist: [ISSUER] })
  await server.register(fastifyJwt, {
    decode: { complete: true },
    verify: { allowedIss: ISSUER, allowedAud: AUDIENCE, algorithms: ['ES256'] },
    secret: async (_request: unknown, token: unknown) => {
      const { header, payload: claims } = token as { header: { kid: string; alg: string }; payload: { iss: string } }
      return getJwks.getPublicKey({ kid: header.kid, alg: header.alg, domain: claims.iss })
    },
  })
  server.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.guard !== 'public') await request.jwtVerify()
  })
}

if (GUARD === 'resource-server') await guardWithResourceServer(app)
if (GUARD === 'fastify-jwt') await guardWithFastifyJwt(app)
app.get('/resource', GUARD === 'resource-server' ? { config: { guard: 'authenticated' } } : {}, async () => payload)
app.route({ method: 'GET', url: '/ready', config: { guard: 'public' }, handler: async () => ({ ready: true }) })
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
process.on('SIGTERM', () => void app.close().then(() => process.exit(0)))
// The runner is gone, however it died.
process.on('disconnect', () => process.exit(0))
