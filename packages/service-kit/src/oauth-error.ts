// Errors of the OAuth endpoints: RFC 6749 §5.2, with the codes of packages/protocol/src/oauth.ts.
import type { OAuthErrorCode } from '@meridian/protocol/oauth'
import type { FastifyReply } from 'fastify'

/** One public text and one usual status a code. */
const OAUTH_ERRORS: Readonly<Record<OAuthErrorCode, readonly [status: number, description: string]>> = {
  invalid_request: [400, 'The request is missing a parameter, repeats one, or is otherwise malformed'],
  invalid_client: [401, 'Client authentication failed'],
  invalid_grant: [400, 'The grant is invalid, expired, revoked, or was issued to another client'],
  unauthorized_client: [400, 'The client may not use this grant'],
  unsupported_grant_type: [400, 'The grant type is not supported'],
  invalid_token: [401, 'The access token is invalid or expired'],
  insufficient_scope: [403, 'The access token has not the scope that this needs'],
  unsupported_token_type: [400, 'Tokens of this type cannot be revoked; they end by themselves'],
  invalid_scope: [400, 'The scope is unknown, malformed, or exceeds what was granted'],
  invalid_target: [400, 'The resource or organization is unknown or not available to this session'],
  insufficient_authorization: [400, 'More is needed to authorize this request'],
  invalid_code: [400, 'The code is wrong or no longer valid. Check it, or ask for a new one'],
  method_not_supported: [400, 'The method is known but not supported yet'],
  temporarily_unavailable: [503, 'Temporarily unavailable, try again'],
  rate_limited: [429, 'Too many requests, try again later'],
  server_error: [500, 'Something went wrong on our side'],
}

/** What a code usually means: its status and its public text. */
export function describeOAuthError(code: OAuthErrorCode): { readonly status: number; readonly description: string } {
  const [status, description] = OAUTH_ERRORS[code]
  return { status, description }
}

export type OAuthErrorOptions = {
  /** Where it is not the usual one of the code. */
  readonly status?: number | undefined
  /** Public, in place of the code's usual text. */
  readonly description?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Further public members, such as `auth_session`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** For the log only. */
  readonly cause?: unknown
}

export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly status: number
  readonly error: OAuthErrorCode
  readonly description: string
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, unknown>>

  constructor(error: OAuthErrorCode, options: OAuthErrorOptions = {}) {
    const [status, usualDescription] = OAUTH_ERRORS[error]
    const description = (options.description ?? usualDescription).replace(NOT_DESCRIPTION_CHARACTER, '?')
    super(description, { cause: options.cause })
    this.error = error
    this.status = options.status ?? status
    this.description = description
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }
}

/** RFC 6749 §5.2: error_description has no quotation mark, backslash or anything outside printable ASCII. */
const NOT_DESCRIPTION_CHARACTER = /[^\x20\x21\x23-\x5B\x5D-\x7E]/g

export function sendOAuthError(reply: FastifyReply, oauthError: OAuthError): FastifyReply {
  // RFC 6749 §5.2: a client that tried the Authorization header must be answered with the scheme it used.
  const challenge = oauthError.status === 401 ? { 'www-authenticate': 'Basic realm="oauth", charset="UTF-8"' } : {}
  return reply
    .code(oauthError.status)
    .headers({
      ...challenge,
      ...oauthError.headers,
      'cache-control': 'no-store',
      pragma: 'no-cache',
      'content-type': 'application/json',
    })
    .serializer(JSON.stringify)
    .send({ ...oauthError.members, error: oauthError.error, error_description: oauthError.description })
}
