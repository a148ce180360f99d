// What the framework and the database throw before or around a handler, sorted into the few things that a caller
// can be told. A service's http/errors.ts hands every error to `problemOf` or `oauthErrorOf` and sends what comes back.
import type { OAuthErrorCode } from '@meridian/protocol/oauth'
import type { ProblemCode } from '@meridian/protocol/problem'
import { isDatabaseUnavailable } from './database-unavailable.ts'
import { OAuthError } from './oauth-error.ts'
import { Problem } from './problem.ts'

export type Fault = {
  readonly status: number
  readonly code: ProblemCode
  readonly detail?: string | undefined
  readonly retryAfterSeconds?: number
}

const INTERNAL: Fault = { status: 500, code: 'internal' }
const UNAVAILABLE: Fault = { status: 503, code: 'temporarily_unavailable', retryAfterSeconds: 1 }

const FRAMEWORK_FAULTS: Readonly<Record<string, Fault>> = {
  FST_ERR_BAD_URL: { status: 400, code: 'invalid_request', detail: 'The path is not a valid URL' },
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'payload_too_large' },
  FST_ERR_CTP_EMPTY_JSON_BODY: { status: 400, code: 'invalid_request', detail: 'The body is empty' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    status: 400,
    code: 'invalid_request',
    detail: 'The body is not as long as Content-Length says',
  },
  FST_ERR_CTP_INVALID_JSON_BODY: { status: 400, code: 'invalid_request', detail: 'The body is not valid JSON' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, code: 'unsupported_media_type' },
  FST_ERR_HANDLER_TIMEOUT: UNAVAILABLE,
  FST_ERR_MAX_PARAM_LENGTH: { status: 414, code: 'invalid_request', detail: 'A part of the path is too long' },
  FST_ERR_NOT_FOUND: { status: 404, code: 'not_found' },
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: { status: 415, code: 'unsupported_media_type' },
  FST_ERR_VALIDATION: { status: 400, code: 'invalid_request' },
}

export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  if (code?.startsWith('FST_') === true) return FRAMEWORK_FAULTS[code] ?? INTERNAL
  return isDatabaseUnavailable(error) ? UNAVAILABLE : INTERNAL
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** A Problem stays as it is; anything else becomes the problem of its fault, with the error as its cause. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  const { status, code, detail, retryAfterSeconds } = faultOf(error)
  return new Problem(code, { status, detail, headers: retryAfter(retryAfterSeconds), cause: error })
}

/** An OAuthError stays as it is; a Problem and anything else become the nearest code of the OAuth endpoints. */
export function oauthErrorOf(error: unknown): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof Problem) {
    const { status, code, detail, headers } = error
    return new OAuthError(oauthCodeOf(status, code), { status, description: detail, headers, cause: error })
  }
  const { status, code, detail, retryAfterSeconds } = faultOf(error)
  const headers = retryAfter(retryAfterSeconds)
  return new OAuthError(oauthCodeOf(status, code), { status, description: detail, headers, cause: error })
}

function oauthCodeOf(status: number, code: ProblemCode): OAuthErrorCode {
  if (code === 'rate_limited') return 'rate_limited'
  if (status === 503) return 'temporarily_unavailable'
  return status >= 500 ? 'server_error' : 'invalid_request'
}

function retryAfter(seconds: number | undefined): Record<string, string> {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) }
}
