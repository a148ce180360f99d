// A real centre and regions that follow it, in one process: each question goes to the centre's own application. Tokens are
// signed by the test, for real members, so that a test may show any of them at any time.
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger } from '@meridian/service-kit/logger'
import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Test } from 'tap'
import { buildApp } from '../../services/region/src/app.ts'
import { createDeps, startFollowing, stopFollowing } from '../../services/region/src/deps.ts'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import { idOf, keySet, makeClock, makeSigningKey, regionClaims } from '../resource-server/region-issuer.ts'
import type { Place } from '../support/databases.ts'
import { IN, ISSUER, REGION_SECRETS, startIdentity } from '../support/identity.ts'

const CENTRE = 'http://127.0.0.1:1'
const HOST = 'api.in.example.test'
const handler = async () => ({ ok: true })

type Schema = 'identity' | 'region'
/** Of whom a token is: a name of the local stack's directory, in acme unless it says otherwise. */
export type Bearer = { readonly email: string; readonly org?: string; readonly changes?: Record<string, unknown> }

export async function startDirectoryWorld(t: Test, makePlace: (schema: Schema) => Promise<Place>) {
  const identity = await startIdentity(t, await makePlace('identity'))
  const key = makeSigningKey('k1')
  const link = { isCut: false }
  const clock = makeClock(Date.now())

  const ask: typeof fetch = async (input, init = {}) => {
    if (link.isCut) throw new Error('the centre is away')
    const url = new URL(String(input))
    if (url.pathname === '/keys-of-test') return Response.json(keySet(key))
    if (url.searchParams.has('wait')) url.searchParams.set('wait', '0')
    const request: InjectOptions = {
      method: (init.method ?? 'GET') as 'GET',
      url: `${url.pathname}${url.search}`,
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(init.body == null ? {} : { payload: String(init.body) }),
    }
    if (init.body instanceof URLSearchParams)
      request.headers = { ...request.headers, 'content-type': 'application/x-www-form-urlencoded' }
    const reply = await identity.app.inject(request)
    return new Response([204, 304].includes(reply.statusCode) ? null : reply.body, { status: reply.statusCode })
  }

  /** The database's own words, one statement. */
  const change = (text: string, ...values: unknown[]) =>
    identity.db.sql({ name: `change_${randomUUID()}`, text }, values)

  async function membershipOf({ email, org = 'acme' }: Bearer) {
    const [row] = await change(
      `SELECT m.id::text AS mid, m.user_id::text AS sub, m.org_id::text AS org_id, m.role, m.version AS mv
       FROM membership m JOIN user_account u ON u.id = m.user_id JOIN organization o ON o.id = m.org_id
       WHERE m.region = 'in' AND u.email = $1 AND o.slug = $2`,
      email,
      org,
    )
    if (row === undefined) throw new Error(`${email} is no member of ${org}`)
    return row
  }

  async function tokenOf(bearer: Bearer): Promise<string> {
    const { email } = bearer
    const claims = { iss: ISSUER, aud: IN, sid: idOf(`session of ${email}`), ...(await membershipOf(bearer)) }
    return key.sign(regionClaims(clock.nowSeconds(), { ...claims, ...bearer.changes }))
  }

  async function startRegion(place: Place) {
    const lines: string[] = []
    const log = createLogger({
      name: 'region',
      level: 'trace',
      destination: { write: (line) => void lines.push(line) },
    })
    const database = await openRegionStore(place)
    const deps = createDeps(SETTINGS, database, log, {
      fetch: ask,
      nowMs: clock.nowMs,
      random: () => 0,
      randomBytes,
      schedule: () => () => {},
    })
    await startFollowing(deps)
    const app = await buildApp(deps, SETTINGS)
    app.get('/crm', { config: { guard: { module: 'records' } } }, handler)
    app.get('/crm/fresh', { config: { guard: { module: 'records', fresh: true } } }, handler)
    let isStopped = false
    const stop = async () => {
      if (isStopped) return
      isStopped = true
      await app.close()
      await stopFollowing(deps)
      await database.close()
    }
    t.teardown(stop)
    const parts = [deps.keys, deps.hosts, deps.revocationFollower, deps.erasures]
    await Promise.all(parts.map((part) => part.refresh()))
    /** To the end of the lane. */
    const hearRevocations = async () => {
      for (let page = 0; page < 4; page += 1) await deps.revocationFollower.refresh()
    }
    await hearRevocations()
    /** To the end of the feed, and answers by it. Other databases' transactions may hold the centre's feed back. */
    const follow = async () => {
      const { follower } = deps.directory
      for (let more = true; more; ) {
        const before = follower.place()?.turn
        await follower.refresh()
        const isHeldBack = !link.isCut && follower.behindSeconds() !== 0
        if (isHeldBack) await sleep(20)
        more = isHeldBack || follower.place()?.turn !== before
      }
      await deps.directory.news.refresh()
    }
    /** A comparison or a rebuild, step by step to its end. */
    const finish = async <Result>(work: Promise<Result>): Promise<Result> => {
      let isOver = false
      const over = () => {
        isOver = true
      }
      work.then(over, over)
      while (!isOver) await deps.directory.follower.refresh()
      return work
    }
    return { app, database, deps, finish, follow, hearRevocations, lines, stop, get: getterOf(app) }
  }

  return { identity, clock, link, change, membershipOf, tokenOf, startRegion }
}

const SETTINGS = {
  REGION_CODE: 'in' as never,
  AUDIENCE: IN,
  ISSUER,
  IDENTITY_URL: CENTRE,
  JWKS_URL: `${CENTRE}/keys-of-test`,
  ALLOW_INSECURE_IDENTITY: false,
  CLIENT_ID: 'region-in',
  CLIENT_SECRET: REGION_SECRETS.in,
  DATABASE_URL: undefined,
  DATABASE_POOL_SIZE: 10,
  DATA_FOLDER: undefined,
  HOST: '127.0.0.1',
  PORT: 0,
  NEUTRAL_HOSTS: [HOST],
  CORS_ORIGINS: [],
  TOKEN_LEEWAY_SECONDS: 30,
  TRUST_PROXY: false as const,
  LOG_LEVEL: 'trace' as const,
  METRICS_HOST: '127.0.0.1',
  BUILD: 'a build of a test',
}

function getterOf(app: FastifyInstance) {
  return async (url: string, token: string, headers: Record<string, string> = {}) => {
    const answer = await app.inject({ url, headers: { host: HOST, authorization: `Bearer ${token}`, ...headers } })
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers }
  }
}
