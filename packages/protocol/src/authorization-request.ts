// What `/oauth/authorize` is asked and what it answers: RFC 6749 §4.1, RFC 7636, RFC 8707, RFC 9207 and OpenID
// Connect Core §3.1.2. Unknown parameters are ignored; an empty one counts as absent (RFC 6749 §3.1).
import { z } from 'zod'
import { codeChallengeSchema } from './oauth-requests.ts'

export const authorizationErrorCodeSchema = z.enum([
  // RFC 6749 §4.1.2.1
  'invalid_request',
  'unauthorized_client',
  'access_denied',
  'unsupported_response_type',
  'invalid_scope',
  'server_error',
  'temporarily_unavailable',
  // OpenID Connect Core §3.1.2.6
  'interaction_required',
  'login_required',
  'request_not_supported',
  'request_uri_not_supported',
  'registration_not_supported',
  // RFC 8707 §2
  'invalid_target',
])
export type AuthorizationErrorCode = z.infer<typeof authorizationErrorCodeSchema>

const emptyIsAbsent = (value: unknown) => (value === '' ? undefined : value)
// U+0000: PostgreSQL keeps it in no text.
const string = (maxCharacters: number) =>
  z
    .string()
    .max(maxCharacters)
    .refine((value) => !value.includes('\0'))
const text = (maxCharacters: number) => z.preprocess(emptyIsAbsent, string(maxCharacters).optional())

/** What must hold before anything may be sent back to the client. */
export const authorizationClientSchema = z.object({
  client_id: string(100).min(1),
  redirect_uri: string(500).min(1),
})

export const promptSchema = z.enum(['none', 'login', 'select_account', 'consent'])
export type Prompt = z.infer<typeof promptSchema>

const promptListSchema = z
  .string()
  .transform((value) => value.split(' '))
  .pipe(z.array(promptSchema))
  .refine((prompts) => !prompts.includes('none') || prompts.length === 1, 'none stands alone')

export const authorizationRequestSchema = z.object({
  ...authorizationClientSchema.shape,
  response_type: text(100),
  response_mode: z.preprocess(emptyIsAbsent, z.enum(['query', 'form_post']).optional()),
  scope: text(500),
  state: text(4096),
  nonce: text(1024),
  prompt: z.preprocess(emptyIsAbsent, promptListSchema.optional()),
  /** Seconds. */
  max_age: z.preprocess(
    emptyIsAbsent,
    z
      .string()
      .regex(/^[0-9]{1,9}$/)
      .transform(Number)
      .optional(),
  ),
  login_hint: text(320),
  id_token_hint: text(4096),
  resource: text(300),
  /** An id or a slug. */
  org_id: text(100),
  code_challenge: z.preprocess(emptyIsAbsent, codeChallengeSchema.optional()),
  code_challenge_method: text(20),
  request: text(10_000),
  request_uri: text(2000),
  registration: text(10_000),
})
export type AuthorizationParameters = z.infer<typeof authorizationRequestSchema>

const returned = { state: z.string().optional(), iss: z.url() }

/** What the client is sent back: in the query of its redirect URI or as a form, always with `iss` (RFC 9207). */
export const authorizationResponseSchema = z.union([
  z.strictObject({ code: z.string(), ...returned }),
  z.strictObject({ error: authorizationErrorCodeSchema, error_description: z.string(), ...returned }),
])
export type AuthorizationResponse = z.infer<typeof authorizationResponseSchema>

/** RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0 §2). */
export const logoutRequestSchema = z.object({
  id_token_hint: text(4096),
  client_id: text(100),
  post_logout_redirect_uri: text(500),
  state: text(4096),
})
export type LogoutRequest = z.infer<typeof logoutRequestSchema>
