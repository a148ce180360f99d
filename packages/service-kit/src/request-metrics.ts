import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Metrics } from './metrics.ts'

/** Up to the longest poll. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25]
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How long each route takes, by status. Called before the routes are mounted. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const durations = metrics.histogram({
    name: 'http_request_duration_seconds',
    help: 'Time until a request was answered, by route and status. Long polls wait on purpose.',
    labels: ['method', 'route', 'status'],
    buckets: BUCKETS_SECONDS,
  })
  app.addHook('onResponse', async (request, reply) => {
    durations.observe(
      { method: methodOf(request), route: routeOf(request), status: reply.statusCode },
      reply.elapsedTime / 1000,
    )
  })
}

function methodOf({ method }: FastifyRequest): string {
  return METHODS.has(method) ? method : 'other'
}

/** As it was mounted: what was typed is unbounded. */
function routeOf({ is404, routeOptions }: FastifyRequest): string {
  return is404 ? 'none' : (routeOptions.url ?? 'none')
}
