// Every endpoint of a region, mounted. Who is let in: packages/resource-server, by the guard on each route.
import { resourceServer } from '@meridian/resource-server/plugin'
import { registerHealth } from '@meridian/service-kit/health'
import { measureRequests } from '@meridian/service-kit/request-metrics'
import { createServer } from '@meridian/service-kit/server'
import { refuseUndeclaredInput } from '@meridian/service-kit/undeclared-input'
import type { FastifyInstance } from 'fastify'
import type { Configuration } from './config.ts'
import type { Deps } from './deps.ts'
import { meRoutes } from './http/api/me/route.ts'
import { membersRoutes } from './http/api/members/route.ts'
import { recordsRoutes } from './http/api/records/route.ts'
import { registerCors } from './http/cors.ts'
import { sendError } from './http/errors.ts'
import { logActor } from './http/log-actor.ts'
import { takenInputOf } from './http/taken-input.ts'
import { checkIsolation } from './store/isolation.ts'

type AppSettings = Pick<
  Configuration,
  'AUDIENCE' | 'CORS_ORIGINS' | 'ISSUER' | 'REGION_CODE' | 'TOKEN_LEEWAY_SECONDS' | 'TRUST_PROXY'
>

const READINESS_TIMEOUT_MS = 1000
const CACHED_TOKENS_MAX = 10_000

export async function buildApp(deps: Deps, settings: AppSettings): Promise<FastifyInstance> {
  const app = createServer({ logger: deps.log, trustProxy: settings.TRUST_PROXY, sendError })
  measureRequests(app, deps.metrics)
  await registerCors(app, {
    origins: settings.CORS_ORIGINS,
    clientOrigins: deps.directory.clientOrigins,
    hosts: deps.hosts,
  })
  await app.register(resourceServer, {
    expectations: {
      issuer: settings.ISSUER,
      audience: settings.AUDIENCE,
      region: settings.REGION_CODE,
      leewaySeconds: settings.TOKEN_LEEWAY_SECONDS,
    },
    keys: deps.keys,
    hosts: deps.hosts,
    revocations: deps.revocations,
    members: deps.directory.members,
    modules: deps.directory.modules,
    freshness: deps.revocationFollower,
    directoryFreshness: deps.directory.follower,
    meter: deps.usage,
    nowMs: deps.nowMs,
    cachedTokensMax: CACHED_TOKENS_MAX,
    answersNotFound: false,
  })
  logActor(app)
  refuseUndeclaredInput(app, takenInputOf)
  registerHealth(app, {
    checks: {
      database: () => deps.database.ping(),
      keys: async () => {
        if (!deps.keys.ready()) throw new Error('no verification key yet')
      },
      isolation: () => checkIsolation(deps.database),
    },
    timeoutMs: READINESS_TIMEOUT_MS,
  })
  meRoutes(app)
  membersRoutes(app, deps)
  recordsRoutes(app, deps)
  return app
}
