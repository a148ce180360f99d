import { type ExpectedVersions, parseIfMatch } from '@meridian/service-kit/if-match'
import type { FastifyRequest } from 'fastify'

/** What may be changed without having been read: If-Match counts where it is sent. */
export function expectedVersionsOf(request: FastifyRequest): ExpectedVersions {
  const header = request.headers['if-match']
  return header === undefined ? 'any' : parseIfMatch(header)
}
