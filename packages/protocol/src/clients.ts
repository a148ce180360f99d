// What is registered of a client (RFC 7591 §2's words where it has them): in the operator's configuration, with the
// hash of a secret that the operator made, and through `/v1/clients`, where the secret is made by the issuer.
import { z } from 'zod'
import { regionCodeSchema } from './ids.ts'
import { jwksSchema } from './jwks.ts'
import { grantTypeSchema } from './oauth.ts'
import { displayNameSchema } from './orgs.ts'
import { redirectUriSchema } from './redirect-uri.ts'

export const originSchema = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, 'is not an origin (scheme://host[:port])')

export const clientIdSchema = z.string().regex(/^[a-z0-9-]{2,60}$/)

const clientFields = {
  id: clientIdSchema,
  name: displayNameSchema,
  first_party: z.boolean().default(false),
  browser: z.boolean().default(false),
  auth_method: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']),
  /** For private_key_jwt: the client's public keys. RFC 7523 §2.2. */
  jwks: jwksSchema.optional(),
  redirect_uris: z.array(redirectUriSchema).max(20).default([]),
  post_logout_redirect_uris: z.array(redirectUriSchema).max(20).default([]),
  allowed_origins: z.array(originSchema).max(100).default([]),
  account_token: z.boolean().default(false),
  /** Audiences that this client may ask for; `*` means every region. */
  allowed_resources: z
    .array(z.union([z.literal('*'), originSchema]))
    .max(100)
    .default([]),
  grant_types: z.array(grantTypeSchema).min(1).max(10),
  scopes: z
    .array(z.string().regex(/^[a-z:_]{1,40}$/))
    .min(1)
    .max(50),
  refresh_transport: z.enum(['body', 'cookie']).default('body'),
  id_token_alg: z.enum(['ES256', 'RS256']).default('RS256'),
  /** For a region's own client: the region, and then only its audience. */
  region: regionCodeSchema.optional(),
}

const consistent = <S extends z.ZodType<z.output<z.ZodObject<typeof clientFields>>>>(schema: S) =>
  schema
    .refine((client) => (client.auth_method === 'private_key_jwt') === (client.jwks !== undefined), {
      error: 'jwks goes with private_key_jwt, and with nothing else',
    })
    .refine(({ jwks }) => new Set(jwks?.keys.map(({ kid }) => kid)).size === (jwks?.keys.length ?? 0), {
      error: 'jwks names a kid twice',
    })
    .refine((client) => client.region === undefined || !client.account_token, {
      error: "a region's client cannot have account tokens",
    })
    .refine((client) => client.refresh_transport === 'body' || client.allowed_origins.length > 0, {
      error: 'cookie transport needs allowed_origins',
    })

/** Body of `POST /v1/clients` and `PUT /v1/clients/{id}`. */
export const clientRegistrationSchema = consistent(z.strictObject(clientFields))
export type ClientRegistration = z.output<typeof clientRegistrationSchema>

/** A client of the operator's configuration. */
export const configuredClientSchema = consistent(
  z.strictObject({
    ...clientFields,
    /** SHA-256 of the client's secret, base64url. The secret itself must be at least 256 random bits. */
    client_secret_sha256: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/)
      .optional(),
  }),
).refine((client) => client.auth_method.startsWith('client_secret') === (client.client_secret_sha256 !== undefined), {
  error: 'client_secret_sha256 goes with client_secret_basic and client_secret_post, and with nothing else',
})

/** A region's client may ask for that region's audience alone. */
export function isNarrow(
  client: { readonly region?: string | undefined; readonly allowed_resources: readonly string[] },
  apiUrlOf: (region: string) => string | undefined,
): boolean {
  if (client.region === undefined) return true
  const own = apiUrlOf(client.region)
  return own !== undefined && client.allowed_resources.every((resource) => resource === own)
}

export const registeredClientSchema = z.strictObject({
  ...clientFields,
  /** Clients of the configuration are read-only here. */
  source: z.enum(['configuration', 'api']),
  /** The id of a deleted client is never given again. */
  status: z.enum(['active', 'deleted']),
  version: z.int(),
})
export type RegisteredClient = z.infer<typeof registeredClientSchema>

/** The secret stands in the answer that made it and can be read nowhere else. */
export const createdClientSchema = z.strictObject({
  ...registeredClientSchema.shape,
  client_secret: z.string().optional(),
})
export type CreatedClient = z.infer<typeof createdClientSchema>

export const clientSecretSchema = z.strictObject({ client_secret: z.string(), version: z.int() })
export type ClientSecret = z.infer<typeof clientSecretSchema>

export const clientPageSchema = z.strictObject({
  clients: z.array(registeredClientSchema),
  /** Pass it as `cursor` for the next page. Null on the last one. */
  next_cursor: z.string().nullable(),
})
export type ClientPage = z.infer<typeof clientPageSchema>

export const clientPageQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: clientIdSchema.optional(),
})
