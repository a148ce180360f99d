// Every endpoint of the identity service, mounted. The order inside an endpoint is in its own route.ts.
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import { registerHealth } from '@meridian/service-kit/health'
import { measureRequests } from '@meridian/service-kit/request-metrics'
import { AUTH_BODY_MAX_BYTES, createServer } from '@meridian/service-kit/server'
import { refuseUndeclaredInput } from '@meridian/service-kit/undeclared-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from './deps.ts'
import { auditRoutes } from './http/api/audit/route.ts'
import { brandingRoutes } from './http/api/branding/route.ts'
import { clientsRoutes } from './http/api/clients/route.ts'
import { domainsRoutes } from './http/api/domains/route.ts'
import { emailRoutes } from './http/api/email/route.ts'
import { entitlementsRoutes } from './http/api/entitlements/route.ts'
import { hostsRoutes } from './http/api/hosts/route.ts'
import { invitationsRoutes } from './http/api/invitations/route.ts'
import { jobsRoutes } from './http/api/jobs/route.ts'
import { meRoutes } from './http/api/me/route.ts'
import { membersRoutes } from './http/api/members/route.ts'
import { membershipsRoutes } from './http/api/memberships/route.ts'
import { modulesRoutes } from './http/api/modules/route.ts'
import { orgAssetRoutes } from './http/api/orgs/assets.ts'
import { orgLifecycleRoutes } from './http/api/orgs/lifecycle.ts'
import { orgsRoutes } from './http/api/orgs/route.ts'
import { summaryRoutes } from './http/api/orgs/summaries.ts'
import { ownAccountRoutes } from './http/api/own-account/route.ts'
import { ownInvitationsRoutes } from './http/api/own-invitations/route.ts'
import { regionLanesRoutes } from './http/api/region-lanes/route.ts'
import { regionReportsRoutes } from './http/api/region-reports/route.ts'
import { regionsRoutes } from './http/api/regions/route.ts'
import { sessionsRoutes } from './http/api/sessions/route.ts'
import { supportRoutes } from './http/api/support/route.ts'
import { syncRoutes } from './http/api/sync/route.ts'
import { sysAdminsRoutes } from './http/api/sys-admins/route.ts'
import { usersRoutes } from './http/api/users/route.ts'
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
import { takenInputOf } from './http/openapi/taken-input.ts'
import { signInPages } from './http/pages/route.ts'
import { registerRateLimits } from './http/rate-limits.ts'
import { recordRefusedAccess } from './http/refused-access.ts'

export type AppOptions = {
  readonly trustProxy: boolean | string[]
  /** Requests per address and minute. */
  readonly challengesPerMinute: number
  readonly tokenRequestsPerMinute: number
  readonly pageRequestsPerMinute: number
  readonly hostLookupsPerMinute: number
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
  measureRequests(app, deps.metrics.all)
  await registerCors(app, deps)
  refuseUndeclaredInput(app, takenInputOf)
  await registerRateLimits(app)
  recordRefusedAccess(app, deps)
  await app.register(cookie)
  registerHealth(app, { checks: { database: () => deps.db.ping() }, timeoutMs: READINESS_TIMEOUT_MS })
  jwksRoute(app, deps)
  metadataRoute(app, deps)
  openApiRoutes(app, deps)
  // Before what is registered apart, which would not be heard of otherwise.
  regionLanesRoutes(app, deps)
  meRoutes(app, deps)
  ownAccountRoutes(app, deps, { max: options.challengesPerMinute, timeWindow: MINUTE_MS })
  emailRoutes(app, deps, { max: options.challengesPerMinute, timeWindow: MINUTE_MS })
  orgsRoutes(app, deps)
  orgLifecycleRoutes(app, deps)
  await orgAssetRoutes(app, deps)
  summaryRoutes(app, deps)
  brandingRoutes(app, deps, { max: options.pageRequestsPerMinute, timeWindow: MINUTE_MS })
  regionsRoutes(app, deps)
  regionReportsRoutes(app, deps)
  syncRoutes(app, deps)
  sessionsRoutes(app, deps)
  usersRoutes(app, deps)
  sysAdminsRoutes(app, deps)
  clientsRoutes(app, deps)
  membersRoutes(app, deps)
  membershipsRoutes(app, deps)
  await invitationsRoutes(app, deps)
  ownInvitationsRoutes(app, deps)
  jobsRoutes(app, deps)
  modulesRoutes(app, deps)
  entitlementsRoutes(app, deps)
  domainsRoutes(app, deps)
  hostsRoutes(app, deps, { max: options.hostLookupsPerMinute, timeWindow: MINUTE_MS })
  supportRoutes(app, deps)
  auditRoutes(app, deps)
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
