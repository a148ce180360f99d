// A regional API for tests: the plugin with real keys, hosts and revocations, and a few routes.
import type { HostMap } from '@meridian/protocol/hosts'
import { createTenantHosts } from '@meridian/resource-server/host-map'
import { createKeyRing } from '@meridian/resource-server/key-ring'
import { type ResourceServerOptions, resourceServer } from '@meridian/resource-server/plugin'
import { createRevocations } from '@meridian/resource-server/revocations'
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify'
import type { Test } from 'tap'
import { ISSUER, idOf, keySet, makeClock, makeSigningKey, REGION_IN, regionClaims, silentLog } from './region-issuer.ts'

export const TENANT_HOST = 'acme.in.example.com'
export const OTHER_TENANT_HOST = 'globex.in.example.com'
export const NEUTRAL_HOST = 'api.in.example.com'

export async function setUpApi(
  t: Test,
  options: {
    admission?: Partial<ResourceServerOptions>
    server?: FastifyServerOptions
    published?: boolean
    routes?: (app: FastifyInstance) => void
  } = {},
) {
  const clock = makeClock()
  const key = makeSigningKey('k1')
  const fetched = { count: 0 }
  const keys = createKeyRing({
    jwksUrl: `${ISSUER}/jwks`,
    store: { load: async () => [], save: async () => {} },
    fetch: async () => {
      fetched.count += 1
      if (options.published === false) throw new Error('the issuer is away')
      return Response.json(keySet(key))
    },
    nowMs: clock.nowMs,
    random: () => 0,
    schedule: () => () => {},
    log: silentLog,
  })
  const map = {
    region: 'in',
    hosts: [
      { host: TENANT_HOST, org_id: idOf('acme') },
      { host: OTHER_TENANT_HOST, org_id: idOf('globex') },
    ],
  } as unknown as HostMap
  const hosts = createTenantHosts({
    region: 'in',
    neutralHosts: [NEUTRAL_HOST, 'localhost', '127.0.0.1'],
    loadHosts: async () => map,
    store: { load: async () => null, save: async () => {} },
    nowMs: clock.nowMs,
    random: () => 0,
    schedule: () => () => {},
    log: silentLog,
  })
  await Promise.all([keys.refresh(), hosts.refresh()])
  const revocations = createRevocations(clock.nowMs)
  const app = fastify({ ...options.server })
  const handled: string[] = []
  app.register(resourceServer, {
    expectations: { issuer: ISSUER, ...REGION_IN, leewaySeconds: 30 },
    keys,
    hosts,
    revocations,
    nowMs: clock.nowMs,
    cachedTokensMax: 1000,
    ...options.admission,
  })
  app.register(async (routes) => {
    if (options.routes !== undefined) return options.routes(routes)
    routes.get('/open', { config: { guard: 'public' } }, async () => ({ open: true }))
    const handler = async (request: { url: string; context: unknown }) => {
      handled.push(request.url)
      return { context: request.context }
    }
    routes.get('/me', { config: { guard: 'authenticated' } }, handler)
    routes.get('/records', { config: { guard: { permission: 'records:read' } } }, handler)
    routes.get('/records/:id', { config: { guard: { permission: 'records:read' } } }, handler)
    routes.post('/records', { config: { guard: { permission: 'records:write' } } }, handler)
    routes.delete('/records/:id', { config: { guard: { permission: 'records:write' } } }, handler)
    routes.get('/staff', { config: { guard: { role: ['manager', 'member'] } } }, handler)
    routes.get('/scoped', { config: { guard: { scope: 'reports' } } }, handler)
    routes.all('/nested/*', { config: { guard: 'authenticated' } }, handler)
  })
  t.teardown(() => app.close())
  const sign = (changes: Record<string, unknown> = {}) => key.sign(regionClaims(clock.nowSeconds(), changes))
  const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    app.inject({ method: method as 'GET', url, headers: { host: NEUTRAL_HOST, ...headers } })
  const getAs = (token: string, url = '/me', headers: Record<string, string> = {}) =>
    get(url, { authorization: `Bearer ${token}`, ...headers })
  return { app, clock, key, keys, hosts, revocations, fetched, handled, sign, get, getAs }
}
