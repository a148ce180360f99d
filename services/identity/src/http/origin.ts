import type { FastifyRequest } from 'fastify'
import type { Origin } from '../audit/record.ts'

const MAX_USER_AGENT_CHARACTERS = 300

/** Where a request came from, as far as the trusted proxies vouch for it. */
export function originOf(request: FastifyRequest): Origin {
  const userAgent = request.headers['user-agent'] ?? ''
  return { requestId: request.id, ip: request.ip, userAgent: userAgent.slice(0, MAX_USER_AGENT_CHARACTERS) }
}
