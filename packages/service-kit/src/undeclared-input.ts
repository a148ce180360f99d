// Under /v1 what a route does not take is refused before anything is read (ARCHITECTURE §5): a query, or a body. The
// names within a query or a body that it does take are its schema's to know (request-input.ts).
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { Problem } from './problem.ts'
import { parseInput } from './request-input.ts'

export type TakenInput = { readonly query: boolean; readonly body: boolean }

const NO_QUERY = z.strictObject({})

/** Call it before the routes, and after CORS: whoever sent too much may read why. */
export function refuseUndeclaredInput(app: FastifyInstance, takenBy: (request: FastifyRequest) => TakenInput): void {
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.url?.startsWith('/v1/') !== true) return
    const taken = takenBy(request)
    if (!taken.query) parseInput(NO_QUERY, request.query)
    if (!taken.body && hasBody(request)) throw new Problem('invalid_request', { detail: 'No body is taken here' })
  })
}

/** RFC 9112 §6. */
function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
