// Every endpoint of the identity service, mounted. The order inside an endpoint is in its own route.ts.
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import { registerHealth } from '@meridian/service-kit/health'
import { AUTH_BODY_MAX_BYTES, createServer } from '@meridian/service-kit/server'
import type { FastifyInstance } from 'fastify'
import type { Deps } from './deps.ts'
import { clientsRoutes } from './http/api/clients/route.ts'
import { emailRoutes } from './http/api/email/route.ts'
import { meRoutes } from './http/api/me/route.ts'
import { orgsRoutes } from './http/api/orgs/route.ts'
import { regionsRoutes } from './http/api/regions/route.ts'
import { sessionsRoutes } from './http/api/sessions/route.ts'
import { registerCors } from './http/cors.ts'
import { emailChangePages } from './http/email-change/route.ts'
import { createSendError } from './http/errors.ts'
import { authorizeRoute } from './http/oauth/authorize/route.ts'
import { challengeRoute } from './http/oauth/challenge/route.ts'
import { introspectRoute } from './http/oauth/introspect/route.ts'
import { jwksRoute } from './http/oauth/jwks/route.ts'
import { logoutRoute } from './http/oauth/logout/route.ts'
import { metadataRoute } from './http/oauth/metadata/route.ts'
import { revokeRoute } from './http/oauth/revoke/route.ts'
import { tokenRoute } from './http/oauth/token/route.ts'
import { userInfoRoute } from './http/oauth/userinfo/route.ts'
import { openApiRoutes } from './http/openapi/route.ts'
import { signInPages } from './http/pages/route.ts'
import { registerRateLimits } from './http/rate-limits.ts'

export type AppOptions = {
  readonly trustProxy: boolean | string[]
  /** Requests per address and minute. */
  readonly challengesPerMinute: number
  readonly tokenRequestsPerMinute: number
  readonly pageRequestsPerMinute: number
}

const READINESS_TIMEOUT_MS = 1000
const MINUTE_MS = 60_000

export async function buildApp(deps: Deps, options: AppOptions): Promise<FastifyInstance> {
  const app = createServer({
    logger: deps.log,
    trustProxy: options.trustProxy,
    sendError: createSendError(deps.settings),
    randomBytes: deps.randomBytes,
    limits: { bodyMaxBytes: AUTH_BODY_MAX_BYTES },
  })
  await registerCors(app, deps)
  await registerRateLimits(app)
  await app.register(cookie)
  registerHealth(app, { checks: { database: () => deps.db.ping() }, timeoutMs: READINESS_TIMEOUT_MS })
  jwksRoute(app, deps)
  metadataRoute(app, deps)
  openApiRoutes(app, deps)
  meRoutes(app, deps)
  emailRoutes(app, deps, { max: options.challengesPerMinute, timeWindow: MINUTE_MS })
  orgsRoutes(app, deps)
  regionsRoutes(app, deps)
  sessionsRoutes(app, deps)
  clientsRoutes(app, deps)
  // Forms are read by the OAuth endpoints alone, and JSON is not.
  await app.register(async (oauth) => {
    oauth.removeAllContentTypeParsers()
    await oauth.register(formbody, { bodyLimit: AUTH_BODY_MAX_BYTES })
    challengeRoute(oauth, deps, { max: options.challengesPerMinute, timeWindow: MINUTE_MS })
    tokenRoute(oauth, deps, { max: options.tokenRequestsPerMinute, timeWindow: MINUTE_MS })
    revokeRoute(oauth, deps, { max: options.tokenRequestsPerMinute, timeWindow: MINUTE_MS })
    introspectRoute(oauth, deps, { max: options.tokenRequestsPerMinute, timeWindow: MINUTE_MS })
    userInfoRoute(oauth, deps, { max: options.tokenRequestsPerMinute, timeWindow: MINUTE_MS })
    const pages = { max: options.pageRequestsPerMinute, timeWindow: MINUTE_MS }
    authorizeRoute(oauth, deps, pages)
    logoutRoute(oauth, deps, pages)
    const codes = { max: options.challengesPerMinute, timeWindow: MINUTE_MS }
    signInPages(oauth, deps, { pages, codes })
    emailChangePages(oauth, deps, { pages, codes })
  })
  return app
}
