// The only place where an error of the identity service becomes HTTP: OAuth errors (RFC 6749 §5.2) under /oauth,
// problem details (RFC 9457) everywhere else. One public text a code; the reason goes to the log alone.
import type { OAuthErrorCode } from '@meridian/protocol/oauth'
import type { ProblemCode } from '@meridian/protocol/problem'
import { OAuthError, sendOAuthError } from '@meridian/service-kit/oauth-error'
import { Problem, sendProblem } from '@meridian/service-kit/problem'
import { oauthErrorOf, problemOf } from '@meridian/service-kit/request-fault'
import type { SendError } from '@meridian/service-kit/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AuthorizationError } from '../login/authorization-error.ts'
import type { ErrorPageCode } from '../pages/error-page.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import type { Settings } from '../settings.ts'
import { isPageRoute, sendAuthorizationResponse, sendErrorPage } from './send-page.ts'

const OAUTH_CODES: Readonly<Partial<Record<RefusalCode, OAuthErrorCode>>> = {
  invalid_request: 'invalid_request',
  invalid_client: 'invalid_client',
  invalid_grant: 'invalid_grant',
  unauthorized_client: 'unauthorized_client',
  unsupported_grant_type: 'unsupported_grant_type',
  unsupported_token_type: 'unsupported_token_type',
  invalid_scope: 'invalid_scope',
  invalid_target: 'invalid_target',
  invalid_code: 'invalid_code',
  temporarily_unavailable: 'temporarily_unavailable',
  method_not_supported: 'method_not_supported',
}

const PROBLEM_CODES: Readonly<Partial<Record<RefusalCode, ProblemCode>>> = {
  invalid_request: 'invalid_request',
  access_denied: 'access_denied',
  invalid_token: 'invalid_token',
  missing_token: 'missing_token',
  slug_taken: 'slug_taken',
  sys_admin_cannot_be_member: 'sys_admin_cannot_be_member',
  idempotency_key_reused: 'idempotency_key_reused',
  conflict: 'conflict',
  not_found: 'not_found',
  precondition_failed: 'precondition_failed',
  insufficient_scope: 'insufficient_scope',
  insufficient_user_authentication: 'insufficient_user_authentication',
  client_id_taken: 'client_id_taken',
  email_taken: 'email_taken',
  last_manager: 'last_manager',
  manager_present: 'manager_present',
  invitation_gone: 'invitation_gone',
  too_many_invitations: 'too_many_invitations',
  cursor_gone: 'cursor_gone',
  region_unavailable: 'region_unavailable',
  domain_taken: 'domain_taken',
  domain_unproved: 'domain_unproved',
  rate_limited: 'rate_limited',
  unknown_host: 'unknown_host',
  INVALID_MODULE: 'INVALID_MODULE',
  ENHANCEMENT_REQUIRES_STANDALONE: 'ENHANCEMENT_REQUIRES_STANDALONE',
  invalid_code: 'invalid_code',
  unknown_region: 'unknown_region',
  temporarily_unavailable: 'temporarily_unavailable',
}

/** RFC 6750 §3: no error attribute where no credentials were shown. */
const CHALLENGES: Readonly<Partial<Record<RefusalCode, string>>> = {
  missing_token: 'Bearer',
  invalid_token: 'Bearer error="invalid_token", error_description="The token is invalid or expired"',
}

/** What a person is shown, and the status of that page. */
const PAGE_CODES: Readonly<Partial<Record<RefusalCode, readonly [status: number, code: ErrorPageCode]>>> = {
  unknown_client: [400, 'unknown_client'],
  bad_redirect_uri: [400, 'bad_redirect_uri'],
  invalid_request: [400, 'bad_request'],
  wrong_browser: [403, 'wrong_browser'],
  expired_flow: [400, 'expired'],
  bad_logout_request: [400, 'bad_logout_request'],
  access_denied: [403, 'bad_request'],
}

export function createSendError(settings: Pick<Settings, 'issuer' | 'productName'>): SendError {
  return (error, request, reply) => {
    if (error instanceof AuthorizationError) {
      request.logFields = { ...request.logFields, problem_code: error.error }
      const { error: code, description, returnAddress } = error
      const parameters = { error: code, error_description: description }
      return sendAuthorizationResponse(reply, settings, returnAddress, parameters)
    }
    if (isPageRoute(request.routeOptions.config)) return sendPageError(error, request, reply, settings)
    return sendError(error, request, reply)
  }
}

function sendPageError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  settings: Pick<Settings, 'productName'>,
): FastifyReply {
  const requestId = request.id
  if (error instanceof Refusal) {
    request.logFields = { ...request.logFields, problem_code: error.code }
    const [status, code] = PAGE_CODES[error.code] ?? [500, 'internal']
    return sendErrorPage(reply, settings.productName, { code, status, requestId })
  }
  const { status, headers } = problemOf(error)
  const code = status === 429 ? 'too_many_requests' : status === 503 ? 'unavailable' : 'bad_request'
  return sendErrorPage(reply.headers(headers), settings.productName, {
    code: status >= 500 && status !== 503 ? 'internal' : code,
    status,
    requestId,
  })
}

const sendError: SendError = (error, request, reply) => {
  if (error instanceof Refusal) request.logFields = { ...request.logFields, problem_code: error.code }
  if (error instanceof Refusal && request.routeOptions.url === '/oauth/userinfo')
    return sendOAuthError(reply, bearerError(error))
  if (request.url.startsWith('/oauth/'))
    return sendOAuthError(reply, error instanceof Refusal ? oauthError(error) : oauthErrorOf(error))
  return sendProblem(reply, error instanceof Refusal ? problem(error) : problemOf(error))
}

function oauthError(refusal: Refusal): OAuthError {
  return new OAuthError(OAUTH_CODES[refusal.code] ?? 'server_error', { description: refusal.detail, cause: refusal })
}

/** RFC 6750 §3, where a bearer token is shown to an OAuth endpoint. */
function bearerError(refusal: Refusal): OAuthError {
  const { code, detail: description } = refusal
  if (code === 'invalid_token' || code === 'missing_token') {
    return new OAuthError('invalid_token', { headers: { 'www-authenticate': CHALLENGES[code] ?? '' }, cause: refusal })
  }
  const error = code === 'insufficient_scope' ? code : (OAUTH_CODES[code] ?? 'server_error')
  const scope = code === 'insufficient_scope' ? ', scope="openid"' : ''
  const headers = { 'www-authenticate': `Bearer error="${error}"${scope}` }
  return new OAuthError(error, { description, headers, cause: refusal })
}

function challengeOf(refusal: Refusal): string | undefined {
  if (refusal.code !== 'insufficient_user_authentication') return CHALLENGES[refusal.code]
  return `Bearer error="insufficient_user_authentication", error_description="A more recent sign-in is needed", max_age="${refusal.maxAgeSeconds ?? 0}"`
}

function problem(refusal: Refusal): Problem {
  const challenge = challengeOf(refusal)
  return new Problem(PROBLEM_CODES[refusal.code] ?? 'internal', {
    ...(refusal.code === 'unknown_region' ? { status: 422 } : {}),
    detail: refusal.detail,
    members: refusal.members,
    headers: {
      ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
      ...(refusal.retryAfterSeconds === undefined ? {} : { 'retry-after': String(refusal.retryAfterSeconds) }),
    },
    cause: refusal,
  })
}
