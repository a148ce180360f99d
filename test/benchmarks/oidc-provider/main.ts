// oidc-provider beside which our refresh is measured: a public client, rotation on, one ES256 access token a refresh,
// no ID token, no DPoP. Makes its grants and first refresh tokens through its own models, and sends them to the runner.
import { generateKeyPairSync } from 'node:crypto'
import Provider, { type Configuration, type ResourceServer } from 'oidc-provider'
import pg from 'pg'
import { createAdapter, createTable } from './adapter.ts'

const RESOURCE = 'https://api.example.test'
const SCOPE = 'records:read'
const DAY_SECONDS = 86_400
const ACCESS_TOKEN_SECONDS = 600

const port = Number(process.env['PORT'])
const families = Number(process.env['FAMILIES'])
const pool = new pg.Pool({
  connectionString: process.env['DATABASE_URL'],
  max: Number(process.env['POOL_SIZE']),
  // As our own service: connections, with what they have prepared, outlive the rounds of the others.
  idleTimeoutMillis: 10 * 60_000,
})
await createTable(pool)

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const resourceServer: ResourceServer = {
  scope: SCOPE,
  audience: RESOURCE,
  accessTokenTTL: ACCESS_TOKEN_SECONDS,
  accessTokenFormat: 'jwt',
  jwt: { sign: { alg: 'ES256' } },
}
const configuration: Configuration = {
  adapter: createAdapter(pool),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' }] },
  cookies: { keys: ['a key that signs no cookie in this benchmark'] },
  clients: [
    {
      client_id: 'native',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
      id_token_signed_response_alg: 'ES256',
    },
  ],
  // The directory of people is the caller's own: here it costs nothing.
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  expiresWithSession: () => false,
  ttl: { AccessToken: ACCESS_TOKEN_SECONDS, Grant: 90 * DAY_SECONDS, RefreshToken: 90 * DAY_SECONDS },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => resourceServer,
    },
  },
}
const provider = new Provider(`http://127.0.0.1:${port}`, configuration)
provider.on('server_error', (_context, error) => console.error(error))

async function makeRefreshToken(index: number): Promise<string> {
  const client = await provider.Client.find('native')
  if (client === undefined) throw new Error('the client is missing')
  const accountId = `person-${index}`
  const grant = new provider.Grant({ accountId, clientId: client.clientId })
  grant.addResourceScope(RESOURCE, SCOPE)
  const grantId = await grant.save()
  const refreshToken = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: 'authorization_code',
    authTime: Math.floor(Date.now() / 1000),
    resource: RESOURCE,
    scope: SCOPE,
    rotations: 0,
    expiresWithSession: false,
  } as ConstructorParameters<typeof provider.RefreshToken>[0])
  return refreshToken.save()
}

const tokens: string[] = []
for (let start = 0; start < families; start += 10) {
  const indexes = Array.from({ length: Math.min(10, families - start) }, (_, offset) => start + offset)
  tokens.push(...(await Promise.all(indexes.map(makeRefreshToken))))
}
process.send?.({ tokens })
const server = provider.listen(port, '127.0.0.1')
process.on('SIGTERM', () => {
  server.close(() => void pool.end().then(() => process.exit(0)))
  server.closeAllConnections()
})
// The runner is gone, however it died.
process.on('disconnect', () => process.exit(0))
