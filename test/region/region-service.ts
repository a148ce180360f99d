// A region for tests: the service as main.ts builds it, on a database of the test, with a centre over real HTTP
// that publishes keys and hosts, and a clock that the test moves.
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { heldKeysSchema } from '@meridian/protocol/jwks'
import { type RegionReport, regionReportSchema } from '@meridian/protocol/region-report'
import { type SyncProgress, syncProgressSchema } from '@meridian/protocol/sync-orders'
import { createLogger } from '@meridian/service-kit/logger'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../../services/region/src/app.ts'
import { createDeps, startFollowing, stopFollowing } from '../../services/region/src/deps.ts'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import {
  ISSUER,
  idOf,
  keySet,
  makeClock,
  makeSigningKey,
  REGION_IN,
  regionClaims,
  type SigningKey,
} from '../resource-server/region-issuer.ts'
import type { Place } from '../support/databases.ts'

export const CLIENT_SECRET = 'a secret: with % and + in it'
export const TENANT_HOST = 'acme.in.example.com'
export const OTHER_TENANT_HOST = 'globex.in.example.com'

export type Centre = {
  url: string
  away: boolean
  keys: SigningKey[]
  /** The organization of each, and what else its entry says. */
  hosts: Record<string, string | { org: string; [member: string]: unknown }>
  /** The kids that the region said it holds, newest report first. */
  heldKeys: string[][]
  refusesReports: boolean
  /** What it tells in the revocation lane, in order: a cursor is a place in it. */
  lane: object[]
  /** Told from its beginning to whoever has a cursor of an earlier one. */
  epoch: number
  /** What it tells in the change feed, in order: a cursor is a place in it, and so is a revision. */
  feed: { kind: string; id: string; state: object | null }[]
  syncOrders: { id: string; kind: string }[]
  /** What the region said of them, newest last. */
  progress: (SyncProgress & { order: string })[]
  refusesProgress: boolean
  /** How the region said that it stands, newest first. */
  reports: RegionReport[]
  orders: { id: string; kind: 'user' | 'organization'; subject_id: string }[]
  /** Orders that the region said it has carried out, one each time. */
  acknowledged: string[]
  refusesAcknowledgements: boolean
  /** Tokens that the centre takes for the host map. */
  clientTokens: Set<string>
  requests: { path: string; authorization: string | undefined; body: string }[]
}

export async function startCentre(t: Test): Promise<Centre> {
  const centre: Centre = {
    url: '',
    away: false,
    keys: [makeSigningKey('k1')],
    hosts: { [TENANT_HOST]: 'acme', [OTHER_TENANT_HOST]: 'globex' },
    heldKeys: [],
    refusesReports: false,
    lane: [],
    epoch: 1,
    feed: [],
    syncOrders: [],
    progress: [],
    refusesProgress: false,
    reports: [],
    orders: [],
    acknowledged: [],
    refusesAcknowledgements: false,
    clientTokens: new Set(),
    requests: [],
  }
  const server = createServer(async (request, response) => {
    if (centre.away) {
      request.socket.destroy()
      return
    }
    const body = await readBody(request)
    centre.requests.push({ path: request.url ?? '', authorization: request.headers.authorization, body })
    const [status, answer] = answerOf(centre, request, body)
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(status === 204 ? undefined : JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  centre.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return centre
}

function answerOf(centre: Centre, request: IncomingMessage, body: string): [status: number, answer: unknown] {
  const { authorization } = request.headers
  if (request.url === '/oauth/jwks') return [200, keySet(...centre.keys)]
  if (request.url === '/oauth/token') {
    const token = `client-token-${centre.clientTokens.size}`
    centre.clientTokens.add(token)
    return [200, { access_token: token, token_type: 'Bearer', expires_in: 600, scope: '' }]
  }
  if (request.url === '/v1/regions/in/hosts?form=2') {
    if (!centre.clientTokens.has(authorization?.slice('Bearer '.length) ?? '')) return [401, { code: 'invalid_token' }]
    const hosts = Object.entries(centre.hosts).map(([host, of]) => {
      const { org, ...rest } = typeof of === 'string' ? { org: of } : of
      return { host, org_id: idOf(org), ...rest }
    })
    return [200, { region: 'in', hosts }]
  }
  if (request.url === '/v1/regions/in/keys' && request.method === 'PUT') {
    if (centre.refusesReports) return [500, { code: 'internal' }]
    centre.heldKeys.unshift(heldKeysSchema.parse(JSON.parse(body)).kids)
    return [204, null]
  }
  if (request.url?.startsWith('/v1/regions/in/revocations?')) return [200, lanePage(centre, request.url)]
  if (request.url?.startsWith('/v1/regions/in/changes?')) return feedPage(centre, request.url)
  // None that make sense.
  if (request.url?.startsWith('/v1/regions/in/digests')) return [200, {}]
  if (request.url === '/v1/regions/in/report') {
    centre.reports.unshift(regionReportSchema.parse(JSON.parse(body)))
    return [200, { now: new Date(0).toISOString(), clock_skew_ms: 0 }]
  }
  if (request.url?.startsWith('/v1/regions/in/orders/')) {
    const order = request.url.split('/').at(-1) ?? ''
    const progress = syncProgressSchema.parse(JSON.parse(body))
    centre.progress.push({ order, ...progress })
    if (centre.refusesProgress) return [500, { code: 'internal' }]
    if (progress.status !== 'running') centre.syncOrders = centre.syncOrders.filter(({ id }) => id !== order)
    return [204, null]
  }
  if (request.url?.startsWith('/v1/regions/in/erasures')) return answerErasures(centre, request)
  return [404, {}]
}

function lanePage({ lane, epoch }: Centre, url: string): unknown {
  const [known, place] = (new URL(url, 'http://centre').searchParams.get('after') ?? '').split('.').map(Number)
  const full = known !== epoch
  const revocations = full ? lane : lane.slice(place)
  return { full, begins: true, revocations, more: false, cursor: `${epoch}.${lane.length}` }
}

function feedPage({ feed, epoch, syncOrders }: Centre, url: string): [status: number, answer: unknown] {
  const query = new URL(url, 'http://centre').searchParams
  const [known, place = 0] = (query.get('after') ?? `${epoch}.0`).split('.').map(Number)
  if (known !== epoch || place > feed.length) return [410, { code: 'cursor_gone' }]
  const through = Math.min(place + Number(query.get('limit')), feed.length)
  const entries = feed.slice(place, through).map((entry, index) => ({ ...entry, revision: place + index + 1 }))
  const page = { epoch: String(epoch), entries, cursor: `${epoch}.${through}`, more: through < feed.length }
  return [200, { ...page, behind_seconds: 0, orders: syncOrders }]
}

function answerErasures(centre: Centre, request: IncomingMessage): [status: number, answer: unknown] {
  if (request.method === 'GET') {
    const open = centre.orders.filter(({ id }) => !centre.acknowledged.includes(id))
    return [200, { orders: open, next_cursor: null }]
  }
  if (centre.refusesAcknowledgements) return [500, { code: 'internal' }]
  centre.acknowledged.push(request.url?.split('/').at(-1) ?? '')
  return [204, null]
}

async function readBody(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

export type RegionService = Awaited<ReturnType<typeof startRegion>>

type RegionOptions = { centre?: Centre; corsOrigins?: string[]; trustProxy?: string[] }

export async function startRegion(t: Test, place: Place, options: RegionOptions = {}) {
  const centre = options.centre ?? (await startCentre(t))
  const clock = makeClock()
  const lines: string[] = []
  const log = createLogger({ name: 'region', level: 'trace', destination: { write: (line) => void lines.push(line) } })
  const database = await openRegionStore(place)
  const settings = {
    ...settingsFor(centre),
    CORS_ORIGINS: options.corsOrigins ?? [],
    TRUST_PROXY: options.trustProxy ?? false,
  }
  const deps = createDeps(settings, database, log, {
    fetch: globalThis.fetch,
    nowMs: clock.nowMs,
    random: () => 0,
    randomBytes,
    schedule: () => () => {},
  })
  await startFollowing(deps)
  const parts = [deps.keys, deps.hosts, deps.revocationFollower, deps.erasures, deps.stateReporter]
  await Promise.all(parts.map((part) => part.refresh()))
  await deps.keyReporter.settle()
  /** Applies what the centre tells in its feed, and answers by it. */
  const follow = async () => {
    await deps.directory.follower.refresh()
    await deps.directory.news.refresh()
  }
  await follow()
  const app = await buildApp(deps, settings)
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    await app.close()
    await stopFollowing(deps)
    await database.close()
  }
  t.teardown(stop)
  const sign = (changes: Record<string, unknown> = {}) => {
    const [key] = centre.keys
    return key?.sign(regionClaims(clock.nowSeconds(), changes)) ?? ''
  }
  return {
    app,
    centre,
    clock,
    database,
    deps,
    follow,
    lines,
    stop,
    sign,
    as: (changes = {}) => callerOf(app, sign(changes)),
  }
}

/** What createDeps and buildApp read of the configuration. */
function settingsFor(centre: Centre) {
  return {
    REGION_CODE: REGION_IN.region as never,
    AUDIENCE: REGION_IN.audience,
    ISSUER,
    IDENTITY_URL: centre.url,
    JWKS_URL: undefined,
    ALLOW_INSECURE_IDENTITY: false,
    CLIENT_ID: 'region-in',
    CLIENT_SECRET,
    DATABASE_URL: undefined,
    DATABASE_POOL_SIZE: 10,
    DATA_FOLDER: undefined,
    HOST: '127.0.0.1',
    PORT: 0,
    NEUTRAL_HOSTS: ['api.in.example.com', 'localhost'],
    TOKEN_LEEWAY_SECONDS: 30,
    LOG_LEVEL: 'trace' as const,
    METRICS_HOST: '127.0.0.1',
    BUILD: 'a build of a test',
  }
}

export type Answer = Awaited<ReturnType<FastifyInstance['inject']>>
export type Call = (
  method: string,
  url: string,
  options?: { payload?: unknown; headers?: Record<string, string> },
) => Promise<Answer>

function callerOf(app: FastifyInstance, token: string): Call {
  return (method, url, { payload, headers } = {}) =>
    app.inject({
      method: method as 'GET',
      url,
      ...(payload === undefined ? {} : { payload: payload as object }),
      headers: { host: 'api.in.example.com', authorization: `Bearer ${token}`, ...headers },
    })
}

/** An answer without what differs from request to request. */
export function comparable(answer: Answer) {
  const { 'x-request-id': _id, date: _date, ...headers } = answer.headers
  return { status: answer.statusCode, headers, body: answer.body.replace(/"request_id":"[^"]*"/, '') }
}
