// Transport of refresh tokens by cookie, for browser clients that are registered for it: never in a body, and only
// with an exact Origin, a header that no form can send, and an Idempotency-Key. RFC 6265bis §4.1.3 (`__Host-`).
import type { TokenResponse } from '@meridian/protocol/oauth'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import type { Client } from '../../directory/client-rules.ts'
import { Refusal } from '../../refusal.ts'
import { sha256 } from '../../secrets/macs.ts'
import { parseRefreshToken, verifyRefreshToken } from '../../sessions/refresh-token.ts'

const CUSTOM_HEADER = 'x-meridian-request'

/** Two names, taken in turn by a family's tokens: the answer to an older refresh cannot displace a newer one's. */
const SLOTS = [0, 1] as const

function refreshCookieName(issuer: string, clientId: string, slot: number): string {
  return `__Host-meridian-refresh-${slot}-${sha256(`${issuer} ${clientId}`).toString('hex').slice(0, 8)}`
}

const ATTRIBUTES = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const

/** The newest refresh token of this client that the browser holds; undefined where it holds none. */
export function readRefreshCookie(
  deps: Pick<Deps, 'settings' | 'secrets'>,
  client: Client,
  request: FastifyRequest,
): string | undefined {
  const { issuer } = deps.settings
  const held = SLOTS.flatMap((slot) => request.cookies[refreshCookieName(issuer, client.id, slot)] ?? [])
  const [newest] = held
    .map((token) => ({ token, age: ageOf(deps, client, token) }))
    .sort((left, right) => (left.age < right.age ? 1 : -1))
  return newest?.token
}

/** Sorts a browser's tokens: a later sign-in's family has the greater id (UUIDv7), a later token the greater counter. */
function ageOf(deps: Pick<Deps, 'settings' | 'secrets'>, client: Client, token: string): string {
  const parts = verifyRefreshToken(deps.secrets, { issuer: deps.settings.issuer, clientId: client.id }, token)
  return parts === undefined ? '' : `${parts.familyId} ${String(parts.counter).padStart(9, '0')}`
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

export function clearRefreshCookies(reply: FastifyReply, issuer: string, clientId: string): void {
  for (const slot of SLOTS) void reply.clearCookie(refreshCookieName(issuer, clientId, slot), ATTRIBUTES)
}

/** Moves the refresh token from the answer into its cookie. */
export function moveToCookie(
  reply: FastifyReply,
  deps: Pick<Deps, 'settings'>,
  client: Client,
  response: TokenResponse,
): TokenResponse {
  const { refresh_token: refreshToken, ...rest } = response
  if (refreshToken !== undefined) {
    const { issuer, refreshAbsoluteSeconds } = deps.settings
    const slot = (parseRefreshToken(refreshToken)?.counter ?? 0) % SLOTS.length
    const name = refreshCookieName(issuer, client.id, slot)
    void reply.setCookie(name, refreshToken, { ...ATTRIBUTES, maxAge: refreshAbsoluteSeconds })
  }
  return rest
}
