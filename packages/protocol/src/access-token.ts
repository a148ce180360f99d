// Access token claims (RFC 9068). Three shapes, told apart by what they vouch for:
// an account token (aud = issuer, a person), a region token (aud = one region, one organization),
// a client token (aud = issuer, a confidential client on its own behalf, RFC 6749 §4.4).
import { z } from 'zod'
import { membershipIdSchema, orgIdSchema, regionCodeSchema, sessionIdSchema, userIdSchema } from './ids.ts'
import { roleSchema } from './roles.ts'

/** The `typ` header of every access token, and of nothing else that we sign. RFC 9068 §2.1. */
export const ACCESS_TOKEN_TYPE = 'at+jwt'
export const ACCESS_TOKEN_ALGORITHM = 'ES256'
/** Raised only with a change that an old verifier would misread; an unknown version is refused. */
export const ACCESS_TOKEN_VERSION = 1

/** No access token lives longer, whatever its settings say; a verifier refuses one that claims to. */
export const ACCESS_TOKEN_MAX_TTL_SECONDS = 900

const numericDate = z.int().positive().max(253_402_300_799)

const common = {
  iss: z.string().min(1),
  aud: z.string().min(1),
  iat: numericDate,
  exp: numericDate,
  nbf: numericDate.optional(),
  jti: z.string().min(16).max(64),
  client_id: z.string().min(1).max(100),
  scope: z.string(),
  ver: z.literal(ACCESS_TOKEN_VERSION),
}

const signedIn = {
  sub: userIdSchema,
  sid: sessionIdSchema,
  auth_time: numericDate,
  amr: z.array(z.string()).min(1),
  /** The authentication context that `amr` adds up to. OpenID Connect Core §2. */
  acr: z.string().min(1).max(100).optional(),
}

export const accountTokenClaimsSchema = z.strictObject({ ...common, ...signedIn })
export type AccountTokenClaims = z.infer<typeof accountTokenClaimsSchema>

export const regionTokenClaimsSchema = z
  .strictObject({
    ...common,
    ...signedIn,
    org_id: orgIdSchema,
    region: regionCodeSchema,
    role: roleSchema,
    /** The membership vouched for, and its version: `mv` rises only with role or status. */
    mid: membershipIdSchema,
    mv: z.int().positive(),
    /** Support access: who acts (RFC 8693 §4.1). The subject is then the support grant, which `mid` and `mv` name too. */
    act: z.strictObject({ sub: userIdSchema }).optional(),
  })
  .refine(({ act, sub, mid, role }) => act === undefined || (String(sub) === mid && role !== 'manager'), {
    error: 'support access is its grant’s, and never a manager’s',
  })
export type RegionTokenClaims = z.infer<typeof regionTokenClaimsSchema>

export const clientTokenClaimsSchema = z.strictObject({ ...common, sub: z.string().min(1).max(100) })
export type ClientTokenClaims = z.infer<typeof clientTokenClaimsSchema>
