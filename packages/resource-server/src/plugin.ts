// The Fastify plugin of a regional API (RFC 6750, RFC 9068): every route declares its guard, every request is
// admitted in a hook of the route that it matched. Register it before the routes (and after CORS); then
// `request.context` says who acts. Errors of handlers are the service's own; refusals are answered here.
import { PROBLEM_MEDIA_TYPE, type ProblemDetails } from '@meridian/protocol/problem'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type AdmissionOptions, createAdmission, type RequestContext } from './admission.ts'
import { AdmissionRefusal } from './admission-refusal.ts'
import { getRouteGuard, type RouteGuard } from './guard.ts'
import { refuseMovedHost } from './moved-host.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    guard?: RouteGuard
  }
  interface FastifyRequest {
    /** Who acts, for whom. Throws on a public route. */
    readonly context: RequestContext
  }
}

export interface ResourceServerOptions extends AdmissionOptions {
  /** False where the service itself answers for paths that do not exist. */
  answersNotFound?: boolean
}

const NO_CONTEXT = 'this route is public: its requests have no context'

export async function resourceServer(app: FastifyInstance, options: ResourceServerOptions): Promise<void> {
  const admit = createAdmission(options)
  const contexts = new WeakMap<FastifyRequest, RequestContext>()
  const answersNotFound = options.answersNotFound ?? true

  app.decorateRequest('context', {
    getter() {
      const context = contexts.get(this)
      if (context === undefined) throw new Error(NO_CONTEXT)
      return context
    },
  })

  app.addHook('onRoute', (route) => {
    getRouteGuard(route.config?.guard, `${String(route.method)} ${route.url}`)
  })

  app.addHook('onRequest', async (request, reply) => {
    const guard = request.routeOptions.config.guard
    if (guard === 'public') return
    try {
      if (request.is404) refuseMovedHost(options.hosts.resolve(request.host), request)
      if (request.is404 && !answersNotFound) return
      // A route that was registered before this plugin has no guard, and so does not exist.
      if (request.is404 || guard === undefined) throw new AdmissionRefusal('not_found', 'no such route')
      contexts.set(request, await admit(request, guard))
    } catch (error) {
      return refuse(request, reply, error)
    }
  })
}

// Hooks and decorators are for the whole application, not for this plugin's own scope.
Object.assign(resourceServer, { [Symbol.for('skip-override')]: true })

function refuse(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  const refusal =
    error instanceof AdmissionRefusal ? error : new AdmissionRefusal('temporarily_unavailable', 'admission failed')
  if (refusal === error) {
    request.log.info({ problem_code: refusal.code, reason: refusal.reason }, 'request refused')
  } else {
    request.log.error({ err: error }, 'admission failed: request refused')
  }
  const problem: ProblemDetails = {
    ...refusal.members,
    type: 'about:blank',
    title: refusal.message,
    status: refusal.status,
    code: refusal.code,
    request_id: request.id,
  }
  return reply
    .code(refusal.status)
    .headers({ ...refusal.headers, 'cache-control': 'no-store', 'content-type': PROBLEM_MEDIA_TYPE })
    .serializer(JSON.stringify)
    .send(problem)
}
