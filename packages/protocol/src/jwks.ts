// The JSON Web Key Set of the issuer (RFC 7517 §5): public members only.
import { z } from 'zod'

export const JWKS_MEDIA_TYPE = 'application/jwk-set+json'

const publicMembers = { kid: z.string().min(1).max(128), use: z.literal('sig').optional() }

export const ecPublicJwkSchema = z.strictObject({
  ...publicMembers,
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  alg: z.literal('ES256'),
  x: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  y: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
})

export const rsaPublicJwkSchema = z.strictObject({
  ...publicMembers,
  kty: z.literal('RSA'),
  alg: z.literal('RS256'),
  n: z.string().regex(/^[A-Za-z0-9_-]{342,1366}$/),
  e: z.string().regex(/^[A-Za-z0-9_-]{2,12}$/),
})

export const publicJwkSchema = z.discriminatedUnion('kty', [ecPublicJwkSchema, rsaPublicJwkSchema])
export type PublicJwk = z.infer<typeof publicJwkSchema>

export const jwksSchema = z.strictObject({ keys: z.array(publicJwkSchema).min(1).max(32) })
export type Jwks = z.infer<typeof jwksSchema>

/**
 * The issuer's own set. `revoked` names compromised keys, for verifiers that keep keys after they were withdrawn;
 * whoever does not know it ignores it (RFC 7517 §5).
 */
export const issuerJwksSchema = jwksSchema.extend({ revoked: z.array(publicMembers.kid).max(64).optional() })
export type IssuerJwks = z.infer<typeof issuerJwksSchema>

/** The keys that a region holds, as it reports them: `PUT /v1/regions/{code}/keys`. */
export const heldKeysSchema = z.strictObject({ kids: z.array(publicMembers.kid).max(32) })
export type HeldKeys = z.infer<typeof heldKeysSchema>
