import type { FastifyRequest } from 'fastify'
import { Refusal } from '../refusal.ts'
import { sha256 } from '../secrets/macs.ts'

/** At least 128 random bits, however written (22 characters of base64url, 32 of hex); never the caller's counter. */
export const IDEMPOTENCY_KEY = /^"?([A-Za-z0-9_.~+/=-]{22,255})"?$/

/** The request's Idempotency-Key (draft-ietf-httpapi-idempotency-key-header), or undefined where there is none. */
export function readIdempotencyKey(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key']
  if (header === undefined) return undefined
  const key = typeof header === 'string' ? IDEMPOTENCY_KEY.exec(header)?.[1] : undefined
  if (key === undefined) {
    throw new Refusal('invalid_request', 'unusable Idempotency-Key', 'Idempotency-Key: needs at least 128 random bits')
  }
  return key
}

/** What is kept of it, to recognize the same request by. */
export function readRetryKeyHash(request: FastifyRequest): Uint8Array | null {
  const key = readIdempotencyKey(request)
  return key === undefined ? null : sha256(key)
}
