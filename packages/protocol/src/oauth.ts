// What the OAuth endpoints answer: RFC 6749 §5, RFC 8693 §2.2, and the first-party-apps draft
// (draft-ietf-oauth-first-party-apps) for the challenge endpoint. Unknown parameters are ignored there.
import { z } from 'zod'
import { orgIdSchema, regionCodeSchema } from './ids.ts'

export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const ACCESS_TOKEN_TYPE_URI = 'urn:ietf:params:oauth:token-type:access_token'

export const grantTypeSchema = z.enum([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  TOKEN_EXCHANGE_GRANT,
])
export type GrantType = z.infer<typeof grantTypeSchema>

export const oauthErrorCodeSchema = z.enum([
  // RFC 6749 §5.2
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  // RFC 6750 §3.1
  'invalid_token',
  'insufficient_scope',
  // RFC 7009 §2.2.1
  'unsupported_token_type',
  // RFC 8707 §2
  'invalid_target',
  // draft-ietf-oauth-first-party-apps §5.2
  'insufficient_authorization',
  // ours: see infra/decisions/spec-divergences.md
  'invalid_code',
  'method_not_supported',
  'temporarily_unavailable',
  'rate_limited',
  'server_error',
])
export type OAuthErrorCode = z.infer<typeof oauthErrorCodeSchema>

export const oauthErrorSchema = z.looseObject({
  error: oauthErrorCodeSchema,
  error_description: z.string(),
})

/** Answer to the first call of the challenge endpoint, and to every resend (status 400, as the draft has it). */
export const challengeStartedSchema = z.strictObject({
  error: z.literal('insufficient_authorization'),
  error_description: z.string(),
  auth_session: z.string(),
  /** Seconds until the code that was (or was not) mailed expires. */
  expires_in: z.int(),
  /** Seconds before asking again can send another code. */
  resend_in: z.int(),
})

export const challengeAnsweredSchema = z.strictObject({ authorization_code: z.string() })

export const contextRefSchema = z.strictObject({ org: orgIdSchema, region: regionCodeSchema })

export const tokenResponseSchema = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  /** Seconds. */
  expires_in: z.int(),
  scope: z.string(),
  refresh_token: z.string().optional(),
  id_token: z.string().optional(),
  /** RFC 8693 §2.2.1, on token exchange only. */
  issued_token_type: z.literal(ACCESS_TOKEN_TYPE_URI).optional(),
  /** With an account token: the chosen context, or null where the person must choose or has none. */
  context: contextRefSchema.nullable().optional(),
})
export type TokenResponse = z.infer<typeof tokenResponseSchema>
