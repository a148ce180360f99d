// Transport of refresh tokens by cookie, for browser clients that are registered for it: never in a body, and only
// with an exact Origin, a header that no form can send, and an Idempotency-Key. RFC 6265bis §4.1.3 (`__Host-`).
import type { TokenResponse } from '@meridian/protocol/oauth'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Client } from '../../directory/client-rules.ts'
import { Refusal } from '../../refusal.ts'
import { sha256 } from '../../secrets/macs.ts'

const CUSTOM_HEADER = 'x-meridian-request'

export function refreshCookieName(issuer: string, clientId: string): string {
  return `__Host-meridian-refresh-${sha256(`${issuer} ${clientId}`).toString('hex').slice(0, 8)}`
}

/** Throws Refusal unless the request can only have come from a page of the client's own. */
export function assertCookieRequest(client: Client, request: FastifyRequest, hasIdempotencyKey: boolean): void {
  const { origin } = request.headers
  if (origin === undefined || !client.allowedOrigins.includes(origin)) {
    throw new Refusal('unauthorized_client', 'cookie transport needs an Origin of the client')
  }
  if (request.headers[CUSTOM_HEADER] !== '1') {
    throw new Refusal('invalid_request', 'no custom header', 'X-Meridian-Request: must be 1')
  }
  if (!hasIdempotencyKey) {
    throw new Refusal('invalid_request', 'no Idempotency-Key', 'Idempotency-Key: is missing')
  }
}

export function clearRefreshCookie(reply: FastifyReply, issuer: string, clientId: string): void {
  const name = refreshCookieName(issuer, clientId)
  void reply.clearCookie(name, { path: '/', secure: true, httpOnly: true, sameSite: 'strict' })
}

/** Moves the refresh token from the answer into the cookie. */
export function moveToCookie(
  reply: FastifyReply,
  issuer: string,
  client: Client,
  response: TokenResponse,
  maxAgeSeconds: number,
): TokenResponse {
  const { refresh_token: refreshToken, ...rest } = response
  if (refreshToken !== undefined) {
    void reply.setCookie(refreshCookieName(issuer, client.id), refreshToken, {
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'strict',
      maxAge: maxAgeSeconds,
    })
  }
  return rest
}
