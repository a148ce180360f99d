import { isStorable } from '@meridian/service-kit/storable-text'
import type { FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { Refusal } from '../refusal.ts'

/**
 * Parses a form once, into a typed value. A repeated parameter arrives as an array and is refused, as
 * RFC 6749 §3.1 wants; unknown ones are dropped. The refusal names the parameter and never quotes it.
 */
export function parseForm<S extends z.ZodType>(schema: S, request: FastifyRequest): z.output<S> {
  if (!isStorable(request.body)) throw new Refusal('invalid_request', 'a null character, or half of a surrogate pair')
  const parsed = schema.safeParse(request.body ?? {})
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const parameter = issue === undefined ? 'request' : String(issue.path[0] ?? 'request')
  throw new Refusal('invalid_request', parsed.error.message, `${parameter}: is missing, repeated or malformed`)
}
