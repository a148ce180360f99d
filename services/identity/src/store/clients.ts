import type { Statement } from '@meridian/database/database'
import { jwksSchema } from '@meridian/protocol/jwks'
import { grantTypeSchema } from '@meridian/protocol/oauth'
import { z } from 'zod'
import { Prisma } from './generated/client.ts'
import type { IdentityDb } from './open-store.ts'

export const clientSchema = z.object({
  id: z.string(),
  name: z.string(),
  firstParty: z.boolean(),
  browser: z.boolean(),
  authMethod: z.enum(['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt']),
  secretHash: z.instanceof(Uint8Array).nullable(),
  redirectUris: z.array(z.string()),
  allowedOrigins: z.array(z.string()),
  accountToken: z.boolean(),
  allowedResources: z.array(z.string()),
  grantTypes: z.array(grantTypeSchema),
  scopes: z.array(z.string()),
  refreshTransport: z.enum(['body', 'cookie']),
  idTokenAlg: z.enum(['ES256', 'RS256']),
  region: z.string().nullable(),
  postLogoutRedirectUris: z.array(z.string()),
  /** The public keys of a client that authenticates by private_key_jwt. */
  jwks: jwksSchema.nullable(),
})
export type Client = z.infer<typeof clientSchema>

// Every request of the token endpoint begins with it: one prepared statement, not Prisma's query of each time.
const FIND_CLIENT: Statement = {
  name: 'find_client',
  text: `SELECT id, name, first_party AS "firstParty", browser, auth_method AS "authMethod",
      secret_hash AS "secretHash", redirect_uris AS "redirectUris", allowed_origins AS "allowedOrigins",
      account_token AS "accountToken", allowed_resources AS "allowedResources", grant_types AS "grantTypes", scopes,
      refresh_transport AS "refreshTransport", id_token_alg AS "idTokenAlg", region,
      post_logout_redirect_uris AS "postLogoutRedirectUris", jwks
    FROM client WHERE id = $1::text AND status = 'active'`,
}

/** An active client, or undefined. */
export async function findClient(db: IdentityDb, clientId: string): Promise<Client | undefined> {
  const [row] = await db.sql(FIND_CLIENT, [clientId])
  return row === undefined ? undefined : clientSchema.parse(row)
}

/** Every origin that some client may call from; a request is then held to its own client's list. */
export async function listAllowedOrigins(db: IdentityDb): Promise<ReadonlySet<string>> {
  const rows = await db.prisma.client.findMany({ where: { status: 'active' }, select: { allowedOrigins: true } })
  return new Set(rows.flatMap((row) => row.allowedOrigins))
}

/** A client in the types that Prisma writes. */
export function writtenClient(client: Client) {
  const secretHash = client.secretHash === null ? null : new Uint8Array(client.secretHash)
  return { ...client, secretHash, jwks: client.jwks ?? Prisma.DbNull }
}

/**
 * Makes the configuration's clients those that it names: others of its own are marked deleted. Clients that were
 * registered through the API stay as they are. Resolves to the ids of those that were deleted now.
 */
export async function replaceClients(db: IdentityDb, clients: readonly Client[]): Promise<string[]> {
  for (const client of clients) {
    const { id, ...fields } = writtenClient(client)
    const written = { ...fields, status: 'active', source: 'configuration' }
    await db.prisma.client.upsert({ where: { id }, create: { id, ...written }, update: written })
  }
  const kept = clients.map((client) => client.id)
  const deleted = await db.prisma.client.updateManyAndReturn({
    where: { id: { notIn: kept }, source: 'configuration', status: 'active' },
    data: { status: 'deleted' },
    select: { id: true },
  })
  return deleted.map((row) => row.id)
}
