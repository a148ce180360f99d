// Our identity service as it is deployed: its own main.ts in its own process, on PostgreSQL, listening on loopback;
// and the people, sessions and refresh tokens that the load needs, written through the service's own store.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createUuidV7, type MakeId } from '@meridian/database/uuid-v7'
import { directoryDocumentSchema, importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { formatRefreshToken } from '../../services/identity/src/sessions/refresh-token.ts'
import { readEpoch } from '../../services/identity/src/store/deployment.ts'
import { type IdentityDatabase, openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { insertFamily } from '../../services/identity/src/store/refresh-token-families.ts'
import { insertSession } from '../../services/identity/src/store/sessions.ts'
import { findUserByEmail } from '../../services/identity/src/store/users.ts'
import { type BenchDatabase, createBenchDatabase } from './bench-database.ts'
import { findFreePort, type ServerProcess, startServer } from './server-process.ts'

export const RESOURCE = 'https://api.in.example.test'
export const ORG = 'acme'
export const CLIENT = 'native'
/** The same for every server with a database. */
export const POOL_SIZE = 10

const SCOPE = 'openid profile email'
const DAY_SECONDS = 86_400
const MAIN = fileURLToPath(new URL('../../services/identity/src/main.ts', import.meta.url))

const secretKey = (id: string) => ({ id, key: new Uint8Array(randomBytes(32)) })
const tokenKey = secretKey('t1')
const keyList = ({ id, key }: { id: string; key: Uint8Array }) => `${id}:${Buffer.from(key).toString('base64url')}`

const registry = {
  regions: [{ code: 'in', name: 'India', api_url: RESOURCE, host_suffix: 'in.example.test' }],
  clients: [
    {
      id: CLIENT,
      name: 'Native app',
      first_party: true,
      auth_method: 'none',
      account_token: true,
      allowed_resources: ['*'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange'],
      scopes: SCOPE.split(' '),
    },
  ],
}

export type IdentityService = ServerProcess & {
  readonly issuer: string
  readonly people: readonly string[]
  /** A refresh token of a new family for each of these people. */
  makeRefreshTokens(people: readonly string[]): Promise<readonly string[]>
  pinDatabase(): Promise<boolean>
}

export type IdentityOptions = {
  readonly serverUrl: string
  readonly people: number
  readonly smtpPort?: number
  readonly profileFolder?: string | undefined
}

export async function startIdentityService(options: IdentityOptions): Promise<IdentityService> {
  const database = await createBenchDatabase(options.serverUrl)
  const folder = await mkdtemp(join(tmpdir(), 'meridian-bench-'))
  const port = await findFreePort()
  const issuer = `http://127.0.0.1:${port}`
  const clean = async () => {
    await database.drop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const server = await startServer({
      script: MAIN,
      port,
      readyPath: '/readyz',
      profileFolder: options.profileFolder,
      environment: environmentOf(database, issuer, folder, options.smtpPort ?? 9),
    })
    const store = await openIdentityStore({ url: database.url })
    const makeId = createUuidV7({ now: Date.now, randomBytes })
    const people = await addPeople(store, makeId, options.people)
    return {
      ...server,
      issuer,
      people,
      makeRefreshTokens: (chosen) => makeRefreshTokens(store, makeId, issuer, chosen),
      pinDatabase: database.pin,
      stop: async () => {
        await store.close()
        await server.stop()
        await clean()
      },
    }
  } catch (error) {
    await clean()
    throw error
  }
}

function environmentOf(database: BenchDatabase, issuer: string, folder: string, smtpPort: number) {
  return {
    ISSUER: issuer,
    DATABASE_URL: database.url,
    DATABASE_POOL_SIZE: String(POOL_SIZE),
    DATA_FOLDER: folder,
    REGISTRY: JSON.stringify(registry),
    TOKEN_KEYS: keyList(tokenKey),
    OTP_KEYS: keyList(secretKey('o1')),
    SEAL_KEYS: keyList(secretKey('s1')),
    SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
    SMTP_REQUIRE_TLS: 'false',
    MAIL_FROM: 'Meridian <no-reply@example.test>',
    // oidc-provider writes no line a request either.
    LOG_LEVEL: 'warn',
    CHALLENGES_PER_MINUTE: '1000000',
    TOKEN_REQUESTS_PER_MINUTE: '10000000',
  }
}

async function addPeople(db: IdentityDatabase, makeId: MakeId, count: number): Promise<readonly string[]> {
  const people = Array.from({ length: count }, (_, index) => `person-${index}@acme.test`)
  const contact = { name: 'Contact', email: 'contact@acme.test' }
  const document = directoryDocumentSchema.parse({
    organizations: [{ slug: ORG, name: 'Acme', primary_contact: contact, regions: ['in'] }],
    people: people.map((email) => ({
      email,
      name: 'Somebody',
      memberships: [{ org: ORG, region: 'in', role: 'member' }],
    })),
  })
  await importDirectory({ db, makeId }, document)
  return people
}

async function makeRefreshTokens(
  db: IdentityDatabase,
  makeId: MakeId,
  issuer: string,
  people: readonly string[],
): Promise<readonly string[]> {
  const epoch = await readEpoch(db)
  const tokens: string[] = []
  for (let start = 0; start < people.length; start += POOL_SIZE) {
    const families = people.slice(start, start + POOL_SIZE).map((email) => makeFamily(db, makeId, email))
    for (const familyId of await Promise.all(families)) {
      tokens.push(formatRefreshToken(tokenKey, { issuer, clientId: CLIENT }, { familyId, counter: 0, epoch }))
    }
  }
  return tokens
}

async function makeFamily(db: IdentityDatabase, makeId: MakeId, email: string): Promise<string> {
  const user = await findUserByEmail(db, email)
  if (user === null) throw new Error(`${email} is missing`)
  const [sessionId, familyId] = [makeId(), makeId()]
  const session = { id: sessionId, userId: user.id, clientId: CLIENT, amr: ['otp'] }
  await insertSession(db, { ...session, ip: '127.0.0.1', userAgent: 'benchmark' })
  await insertFamily(db, {
    id: familyId,
    sessionId,
    clientId: CLIENT,
    codeId: makeId(),
    headKeyId: tokenKey.id,
    retryKeyHash: null,
    idleSeconds: 90 * DAY_SECONDS,
    absoluteSeconds: 365 * DAY_SECONDS,
    isAbsoluteFromSignIn: false,
    scope: SCOPE,
    resource: null,
    orgId: null,
  })
  return familyId
}
