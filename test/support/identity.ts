// The identity service under test: real store, real HTTP through inject, mail read from the real outbox.
import { createHash, randomBytes } from 'node:crypto'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import { challengeAnsweredSchema, challengeStartedSchema, tokenResponseSchema } from '@meridian/protocol/oauth'
import { createLogger } from '@meridian/service-kit/logger'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../../services/identity/src/app.ts'
import type { Deps } from '../../services/identity/src/deps.ts'
import { appointFirstSysAdmin } from '../../services/identity/src/directory/appoint-sys-admin.ts'
import {
  type DirectoryDocument,
  directoryDocumentSchema,
  importDirectory,
} from '../../services/identity/src/directory/import-directory.ts'
import { applyRegistry, type Registry, registrySchema } from '../../services/identity/src/directory/registry.ts'
import { holdKeySet } from '../../services/identity/src/keys/keep-key-set.ts'
import type { RenderedMail } from '../../services/identity/src/mail/message.ts'
import { drainOutbox } from '../../services/identity/src/mail/outbox.ts'
import { createIdentityMetrics } from '../../services/identity/src/metrics.ts'
import type { Settings } from '../../services/identity/src/settings.ts'
import { type IdentityDatabase, openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import type { Place } from './databases.ts'
import { type DnsZone, makeDnsZone } from './dns-zone.ts'
import { giveBackSigningKey, lendSigningKey } from './spare-signing-keys.ts'
import { listUntold } from './untold.ts'

export const ISSUER = 'https://id.example.test'
export const IN = 'https://api.in.example.test'
export const US = 'https://api.us.example.test'
export const SPA_ORIGIN = 'https://app.example.test'
export const REGION_SECRETS = { in: randomBytes(32).toString('base64url'), us: randomBytes(32).toString('base64url') }

const sessionGrants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:token-exchange']
const scopes = ['openid', 'profile', 'email']
const regionClient = (region: 'in' | 'us', resource: string) => ({
  id: `region-${region}`,
  name: `Region ${region}`,
  first_party: true,
  auth_method: 'client_secret_basic',
  client_secret_sha256: createHash('sha256').update(REGION_SECRETS[region]).digest('base64url'),
  region,
  redirect_uris: [`${resource}/callback`],
  allowed_resources: [resource],
  grant_types: [...sessionGrants, 'client_credentials'],
  scopes,
})
const publicClient = {
  auth_method: 'none',
  account_token: true,
  allowed_resources: ['*'],
  grant_types: sessionGrants,
  scopes,
}

export const registry = registrySchema.parse({
  regions: [
    { code: 'in', name: 'India', api_url: IN, host_suffix: 'in.example.test' },
    { code: 'us', name: 'United States', api_url: US, host_suffix: 'us.example.test' },
  ],
  clients: [
    {
      ...publicClient,
      id: 'native',
      name: 'Native app',
      first_party: true,
      redirect_uris: ['http://127.0.0.1/callback', 'test.example.app:/callback'],
    },
    { ...publicClient, id: 'other', name: 'Another native app', first_party: true },
    {
      ...publicClient,
      id: 'spa',
      name: 'Browser app',
      first_party: true,
      browser: true,
      redirect_uris: [`${SPA_ORIGIN}/callback`],
      post_logout_redirect_uris: [`${SPA_ORIGIN}/`],
      allowed_origins: [SPA_ORIGIN],
      refresh_transport: 'cookie',
    },
    {
      ...publicClient,
      id: 'spa-standard',
      name: 'Browser app, standard library',
      first_party: true,
      browser: true,
      redirect_uris: ['https://standard.example.test/callback', 'http://127.0.0.1/callback'],
      post_logout_redirect_uris: ['https://standard.example.test/'],
    },
    { ...publicClient, id: 'third-party', name: 'Third party', redirect_uris: ['https://third.example.test/callback'] },
    regionClient('in', IN),
    regionClient('us', US),
  ],
  modules: [
    { key: 'records', name: 'Records', kind: 'standalone' },
    { key: 'calendar', name: 'Calendar', kind: 'standalone' },
    { key: 'reports', name: 'Reports', kind: 'enhancement', requires: ['records'] },
    { key: 'insights', name: 'Insights', kind: 'enhancement', requires: ['records', 'calendar'] },
  ],
})

const contact = { name: 'Contact', email: 'contact@example.test' }
export const people: DirectoryDocument = directoryDocumentSchema.parse({
  organizations: [
    { slug: 'acme', name: 'Acme', primary_contact: contact, regions: ['in', 'us'] },
    { slug: 'globex', name: 'Globex', primary_contact: contact, regions: ['us'] },
  ],
  people: [
    {
      email: 'ada@acme.test',
      name: 'Ada',
      memberships: [
        { org: 'acme', region: 'in', role: 'manager' },
        { org: 'acme', region: 'us', role: 'viewer' },
      ],
    },
    { email: 'lin@acme.test', name: 'Lin', memberships: [{ org: 'acme', region: 'in', role: 'member' }] },
    { email: 'max@globex.test', name: 'Max', memberships: [{ org: 'globex', region: 'us', role: 'manager' }] },
    {
      email: 'sam@both.test',
      name: 'Sam',
      memberships: [
        { org: 'acme', region: 'in', role: 'member' },
        { org: 'globex', region: 'us', role: 'member' },
      ],
    },
    { email: 'nobody@example.test', name: 'Nobody', memberships: [] },
  ],
})

const SETTINGS: Settings = {
  issuer: ISSUER,
  accessTokenTtlSeconds: 600,
  refreshIdleSeconds: 90 * 86_400,
  refreshAbsoluteSeconds: 365 * 86_400,
  browserBodyAbsoluteSeconds: 86_400,
  signOnIdleSeconds: 30 * 86_400,
  signOnAbsoluteSeconds: 90 * 86_400,
  sysAdminIdleSeconds: 1800,
  sysAdminAbsoluteSeconds: 43_200,
  refreshGraceSeconds: 30,
  authorizationCodeTtlSeconds: 60,
  stepUpMaxAgeSeconds: 600,
  otpTtlSeconds: 900,
  otpResendSeconds: 60,
  otpSendsPerHour: 5,
  otpSendsPerDay: 10,
  emailChangeUndoSeconds: 7 * 86_400,
  keyActiveSeconds: 30 * 86_400,
  keyStagedSeconds: 3600,
  invitationTtlSeconds: 7 * 86_400,
  invitationResendSeconds: 300,
  invitationMailsPerDay: 5,
  invitationsPerDay: 500,
  invitationsPendingMax: 100,
  deletionGraceSeconds: 30 * 86_400,
  slugQuarantineSeconds: 365 * 86_400,
  feedRetentionSeconds: 30 * 86_400,
  baseDomain: 'example.test',
  domainsMax: 50,
  domainGraceSeconds: 7 * 86_400,
  domainLapseSeconds: 60 * 86_400,
  domainQuarantineSeconds: 30 * 86_400,
  mailFrom: 'Meridian <no-reply@example.test>',
  productName: 'Meridian',
}

const secretKey = (id: string) => ({ id, key: new Uint8Array(randomBytes(32)) })
export type Secrets = Deps['secrets']
export const makeSecrets = (): Secrets => ({
  tokenKeys: [secretKey('t1')],
  otpKeys: [secretKey('o1')],
  sealKeys: [secretKey('s1')],
})

// biome-ignore lint/suspicious/noExplicitAny: answers are read by tests, which assert their shape
type Body = Record<string, any>
export type Reply = {
  status: number
  body: Body
  headers: LightMyRequestResponse['headers']
  text: string
}
export type Form = Readonly<Record<string, string>>

export type Instance = {
  readonly app: FastifyInstance
  readonly deps: Deps
  inject(options: InjectOptions): Promise<Reply>
  post(path: string, form: Form, headers?: Form): Promise<Reply>
  get(path: string, token?: string, headers?: Form): Promise<Reply>
  logText(): string
  /** What a process does each second: follow what happened to the signing keys. */
  confirmKeys(): Promise<void>
}

export type IdentityOptions = {
  readonly settings?: Partial<Settings>
  readonly secrets?: Secrets
  readonly instances?: number
  readonly poolSize?: number
  readonly challengesPerMinute?: number
  readonly pageRequestsPerMinute?: number
  readonly hostLookupsPerMinute?: number
  readonly withPeople?: boolean
  /** Instead of the one above. */
  readonly registry?: Registry
  /** Milliseconds, for what a process knows of waiting. Stands still unless given. */
  readonly now?: () => number
}

export type IdentityUnderTest = Instance & {
  readonly instances: readonly Instance[]
  readonly db: IdentityDatabase
  readonly secrets: Secrets
  /** The DNS that its instances ask. */
  readonly zone: DnsZone
  readonly sent: RenderedMail[]
  /** Sends what is queued and gives what was sent to this address, newest first. */
  mailTo(address: string): Promise<readonly RenderedMail[]>
  close(): Promise<void>
}

/** Starts instances of the service on one database, with the people of the local stack in it. */
export async function startIdentity(t: Test, place: Place, options: IdentityOptions = {}): Promise<IdentityUnderTest> {
  const secrets = options.secrets ?? makeSecrets()
  const count = options.instances ?? 1
  const stores: IdentityDatabase[] = []
  for (let index = 0; index < count; index += 1) {
    const [first] = stores
    const isShared = place.url === undefined && first !== undefined
    stores.push(isShared ? first : await openIdentityStore({ ...place, poolSize: options.poolSize ?? 10 }))
  }
  const [db] = stores as [IdentityDatabase]
  await applyRegistry({ db }, options.registry ?? registry)
  await lendSigningKey(db, secrets)
  const zone = makeDnsZone()
  const instances = await Promise.all(stores.map((store) => buildInstance(store, secrets, zone, options)))
  const [first] = instances as [Instance]
  if (options.withPeople !== false) await importDirectory(first.deps, people)
  const sent: RenderedMail[] = []
  const mailTo = async (address: string) => {
    const sendMail = async (mail: RenderedMail) => {
      sent.unshift(mail)
    }
    while ((await drainOutbox({ db, secrets, sendMail, productName: 'Meridian', log: first.deps.log })) > 0);
    return sent.filter((mail) => mail.to === address)
  }
  let isClosed = false
  const firstKeys = first.deps.keySet()
  const close = async () => {
    if (isClosed) return
    isClosed = true
    giveBackSigningKey(firstKeys)
    for (const instance of instances) await instance.app.close()
    // Whatever a test did: no path may leave a region behind. A database that cannot be asked was the test's to break.
    const untold = await listUntold(db).catch(() => [])
    if (untold.length > 0) throw new Error(`regions were not told of ${untold.join(', ')}`)
    for (const store of new Set(stores)) await store.close()
  }
  t.teardown(close)
  return { ...first, instances, db, secrets, zone, sent, mailTo, close }
}

async function buildInstance(
  db: IdentityDatabase,
  secrets: Secrets,
  zone: DnsZone,
  options: IdentityOptions,
): Promise<Instance> {
  const lines: string[] = []
  const log = createLogger({
    name: 'identity',
    level: 'debug',
    destination: { write: (line) => void lines.push(line) },
  })
  const keys = await holdKeySet({ db, secrets, randomBytes, now: options.now ?? (() => 0), log })
  const deps: Deps = {
    db,
    settings: { ...SETTINGS, ...options.settings },
    secrets,
    keySet: keys.current,
    makeId: createUuidV7({ now: Date.now, randomBytes }),
    randomBytes,
    resolveTxt: zone.resolveTxt,
    log,
    metrics: createIdentityMetrics(),
  }
  const app = await buildApp(deps, {
    trustProxy: ['127.0.0.1'],
    challengesPerMinute: options.challengesPerMinute ?? 1_000_000,
    tokenRequestsPerMinute: 10_000_000,
    pageRequestsPerMinute: options.pageRequestsPerMinute ?? 1_000_000,
    hostLookupsPerMinute: options.hostLookupsPerMinute ?? 1_000_000,
  })
  await app.ready()
  const inject = async (request: InjectOptions): Promise<Reply> => {
    const reply = await app.inject(request)
    const isJson = /[/+]json\b/.test(String(reply.headers['content-type'] ?? ''))
    return {
      status: reply.statusCode,
      body: isJson && reply.body !== '' ? reply.json() : {},
      headers: reply.headers,
      text: reply.body,
    }
  }
  return {
    app,
    deps,
    inject,
    post: (url, form, headers = {}) =>
      inject({
        method: 'POST',
        url,
        payload: new URLSearchParams(form).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
    get: (url, token, headers = {}) =>
      inject({
        method: 'GET',
        url,
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      }),
    logText: () => lines.join(''),
    confirmKeys: keys.confirm,
  }
}

export const verifierOf = () => randomBytes(32).toString('base64url')
export const challengeOf = (verifier: string) => createHash('sha256').update(verifier).digest('base64url')
export const idempotencyKey = () => randomBytes(24).toString('base64url')
export const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})

export type Started = { readonly authSession: string; readonly verifier: string; readonly reply: Reply }

export async function startChallenge(
  instance: Pick<Instance, 'post'>,
  email: string,
  form: Form = {},
  headers: Form = {},
): Promise<Started> {
  const verifier = verifierOf()
  const reply = await instance.post(
    '/oauth/challenge',
    {
      client_id: 'native',
      method: 'email',
      contact: email,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
      ...form,
    },
    headers,
  )
  return { authSession: String(reply.body['auth_session']), verifier, reply }
}

export async function codeMailedTo(identity: Pick<IdentityUnderTest, 'mailTo'>, email: string): Promise<string> {
  // Mails of one round are sent in any order, and not each of them has a code.
  const mails = await identity.mailTo(email.trim().toLowerCase())
  const [code] = mails.flatMap(({ text }) => /\b[0-9]{6}\b/.exec(text)?.[0] ?? [])
  if (code === undefined) throw new Error(`no code was mailed to ${email}`)
  return code
}

/** Challenge and code: an authorization code and its verifier, ready to be redeemed. */
export async function authorize(
  identity: IdentityUnderTest,
  email: string,
  form: Form = {},
  headers: Form = {},
): Promise<{ code: string; verifier: string }> {
  const { authSession, verifier, reply } = await startChallenge(identity, email, form, headers)
  if (!challengeStartedSchema.safeParse(reply.body).success) throw new Error(`challenge: ${reply.text}`)
  const otp = await codeMailedTo(identity, email)
  const { client_id: clientId = 'native', client_secret: secret } = form
  const client = { client_id: clientId, ...(secret === undefined ? {} : { client_secret: secret }) }
  const answer = await identity.post('/oauth/challenge', { ...client, auth_session: authSession, otp }, headers)
  if (answer.status !== 200) throw new Error(`answer: ${answer.text}`)
  return { code: challengeAnsweredSchema.parse(answer.body).authorization_code, verifier }
}

export function redeem(
  instance: Pick<Instance, 'post'>,
  authorized: { code: string; verifier: string },
  form: Form = {},
  headers: Form = {},
): Promise<Reply> {
  return instance.post(
    '/oauth/token',
    {
      grant_type: 'authorization_code',
      client_id: 'native',
      code: authorized.code,
      code_verifier: authorized.verifier,
      ...form,
    },
    headers,
  )
}

export async function signIn(identity: IdentityUnderTest, email: string, form: Form = {}): Promise<Reply> {
  const reply = await redeem(identity, await authorize(identity, email, form), form)
  if (!tokenResponseSchema.safeParse(reply.body).success) throw new Error(`sign-in: ${reply.text}`)
  return reply
}

export function refresh(
  instance: Pick<Instance, 'post'>,
  refreshToken: string,
  form: Form = {},
  headers: Form = {},
): Promise<Reply> {
  return instance.post(
    '/oauth/token',
    { grant_type: 'refresh_token', client_id: 'native', refresh_token: refreshToken, ...form },
    headers,
  )
}

export function exchange(instance: Pick<Instance, 'post'>, subjectToken: string, form: Form = {}): Promise<Reply> {
  return instance.post('/oauth/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: 'native',
    subject_token: subjectToken,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    ...form,
  })
}

export async function makeSysAdmin(identity: IdentityUnderTest, email = 'root@example.test'): Promise<void> {
  await appointFirstSysAdmin(identity.deps, { email, name: 'Root' })
}

export function claimsOf(token: unknown): Body {
  return JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString())
}
