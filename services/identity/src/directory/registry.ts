// The clients and regions that the operator's configuration names; the database follows it at every start.
import { withTransaction } from '@meridian/database/transaction'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { jwksSchema } from '@meridian/protocol/jwks'
import { grantTypeSchema } from '@meridian/protocol/oauth'
import { redirectUriSchema } from '@meridian/protocol/redirect-uri'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { replaceClients } from '../store/clients.ts'
import { replaceRegions } from '../store/regions.ts'

const originSchema = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text, 'is not an origin (scheme://host[:port])')

const regionSchema = z.strictObject({
  code: regionCodeSchema,
  name: z.string().min(1).max(60),
  /** The regional API's public address, and the audience of its tokens. */
  api_url: originSchema,
  /** Tenant hosts are `<slug>.<host_suffix>`. */
  host_suffix: z.string().regex(/^[a-z0-9.-]{1,200}$/),
})

const clientSchema = z
  .strictObject({
    id: z.string().regex(/^[a-z0-9-]{2,60}$/),
    name: z.string().min(1).max(100),
    first_party: z.boolean().default(false),
    browser: z.boolean().default(false),
    auth_method: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']),
    /** SHA-256 of the client's secret, base64url. The secret itself must be at least 256 random bits. */
    client_secret_sha256: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/)
      .optional(),
    /** For private_key_jwt: the client's public keys. RFC 7523 §2.2. */
    jwks: jwksSchema.optional(),
    redirect_uris: z.array(redirectUriSchema).max(20).default([]),
    post_logout_redirect_uris: z.array(redirectUriSchema).max(20).default([]),
    allowed_origins: z.array(originSchema).default([]),
    account_token: z.boolean().default(false),
    /** Audiences that this client may ask for; `*` means every region. */
    allowed_resources: z.array(z.union([z.literal('*'), originSchema])).default([]),
    grant_types: z.array(grantTypeSchema).min(1),
    scopes: z.array(z.string().regex(/^[a-z:_]{1,40}$/)).min(1),
    refresh_transport: z.enum(['body', 'cookie']).default('body'),
    id_token_alg: z.enum(['ES256', 'RS256']).default('RS256'),
    /** For a region's own client: the region, and then only its audience. */
    region: regionCodeSchema.optional(),
  })
  .refine((client) => client.auth_method.startsWith('client_secret') === (client.client_secret_sha256 !== undefined), {
    error: 'client_secret_sha256 goes with client_secret_basic and client_secret_post, and with nothing else',
  })
  .refine((client) => (client.auth_method === 'private_key_jwt') === (client.jwks !== undefined), {
    error: 'jwks goes with private_key_jwt, and with nothing else',
  })
  .refine((client) => client.region === undefined || !client.account_token, {
    error: "a region's client cannot have account tokens",
  })
  .refine((client) => client.refresh_transport === 'body' || client.allowed_origins.length > 0, {
    error: 'cookie transport needs allowed_origins',
  })

export const registrySchema = z
  .strictObject({ regions: z.array(regionSchema).min(1), clients: z.array(clientSchema).min(1) })
  .refine((registry) => isUnique(registry.regions.map((region) => region.code)), { error: 'a region is named twice' })
  .refine((registry) => isUnique(registry.clients.map((client) => client.id)), { error: 'a client is named twice' })
  .refine(regionClientsAreNarrow, { error: "a region's client may only have its own region's api_url as its resource" })
export type Registry = z.infer<typeof registrySchema>

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length
}

function regionClientsAreNarrow(registry: {
  regions: readonly { code: string; api_url: string }[]
  clients: readonly { region?: string | undefined; allowed_resources: readonly string[] }[]
}): boolean {
  return registry.clients.every((client) => {
    if (client.region === undefined) return true
    const own = registry.regions.find((region) => region.code === client.region)
    return own !== undefined && client.allowed_resources.every((resource) => resource === own.api_url)
  })
}

/** Makes the database's regions and clients those of the registry; what it no longer names stops working. */
export async function applyRegistry(deps: Pick<Deps, 'db'>, registry: Registry): Promise<void> {
  const regions = registry.regions.map(({ api_url: apiUrl, host_suffix: hostSuffix, ...region }) => ({
    ...region,
    apiUrl,
    hostSuffix,
  }))
  const clients = registry.clients.map((client) => ({
    id: client.id,
    name: client.name,
    firstParty: client.first_party,
    browser: client.browser,
    authMethod: client.auth_method,
    secretHash:
      client.client_secret_sha256 === undefined ? null : Buffer.from(client.client_secret_sha256, 'base64url'),
    redirectUris: client.redirect_uris,
    allowedOrigins: client.allowed_origins,
    accountToken: client.account_token,
    allowedResources: client.allowed_resources,
    grantTypes: client.grant_types,
    scopes: client.scopes,
    refreshTransport: client.refresh_transport,
    idTokenAlg: client.id_token_alg,
    region: client.region ?? null,
    postLogoutRedirectUris: client.post_logout_redirect_uris,
    jwks: client.jwks ?? null,
  }))
  await withTransaction(deps.db, async (db) => {
    await replaceRegions(db, regions)
    await replaceClients(db, clients)
  })
}
