// What the OAuth endpoints are asked: forms (RFC 6749 §3.2), each parameter at most once. Unknown parameters are
// ignored, as the RFCs want; an empty one counts as absent (RFC 6749 §3.1).
import { z } from 'zod'

const text = (maxCharacters: number) =>
  z
    .string()
    .max(maxCharacters)
    .optional()
    .transform((value) => (value === '' ? undefined : value))

/** RFC 7636 §4.2, S256: the base64url SHA-256 of the verifier. */
export const codeChallengeSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'is not an S256 challenge')

/** RFC 7636 §4.1. */
const codeVerifierSchema = z.string().regex(/^[A-Za-z0-9._~-]{43,128}$/, 'is not 43 to 128 unreserved characters')

/** RFC 6749 §2.3.1, or an assertion that the client signed (RFC 7521 §4.2). */
const clientCredentials = {
  client_id: text(100),
  client_secret: text(200),
  client_assertion_type: text(100),
  client_assertion: text(4096),
}

/** RFC 8707 §2 and our `org_id` (an id or a slug): together they name the context a token is wanted for. */
const target = { resource: text(300), org_id: text(100) }

const scope = { scope: text(500) }

export const tokenRequestSchema = z.discriminatedUnion('grant_type', [
  z.object({
    grant_type: z.literal('authorization_code'),
    ...clientCredentials,
    ...target,
    code: z.string().min(1).max(300),
    code_verifier: codeVerifierSchema.optional(),
    redirect_uri: text(500),
  }),
  z.object({
    grant_type: z.literal('refresh_token'),
    ...clientCredentials,
    ...target,
    ...scope,
    refresh_token: text(300),
  }),
  z.object({
    grant_type: z.literal('urn:ietf:params:oauth:grant-type:token-exchange'),
    ...clientCredentials,
    ...target,
    ...scope,
    subject_token: z.string().min(1).max(4096),
    subject_token_type: z.string().max(100),
    requested_token_type: text(100),
    actor_token: text(4096),
  }),
  z.object({ grant_type: z.literal('client_credentials'), ...clientCredentials, ...target, ...scope }),
])
export type TokenRequest = z.infer<typeof tokenRequestSchema>
export type TokenRequestOf<G extends TokenRequest['grant_type']> = Extract<TokenRequest, { grant_type: G }>

/** The first call of `/oauth/challenge`: send a code. With `auth_session`: send another one. */
export const challengeStartSchema = z.object({
  ...clientCredentials,
  ...target,
  ...scope,
  method: z.string().min(1).max(20),
  contact: z.string().min(1).max(320),
  code_challenge: codeChallengeSchema,
  code_challenge_method: z.literal('S256'),
  auth_session: text(200),
})

/** The second call: the code that arrived. */
export const challengeAnswerSchema = z.object({
  ...clientCredentials,
  auth_session: z.string().min(1).max(200),
  otp: z.string().min(1).max(40),
})

/** RFC 7009 §2.1. */
export const revocationRequestSchema = z.object({
  ...clientCredentials,
  token: text(4096),
  token_type_hint: text(50),
})

/** RFC 7662 §2.1. The hint is not needed: no two kinds of our tokens look alike. */
export const introspectionRequestSchema = z.object({ ...clientCredentials, token: z.string().min(1).max(4096) })

/** RFC 6750 §2.2. */
export const userInfoRequestSchema = z.object({ access_token: text(4096) })
