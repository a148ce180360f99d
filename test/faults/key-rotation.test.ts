// SECURITY F23: signing keys are rotated while two identity processes mint and a region verifies. Time runs in steps
// of a minute; one process follows the keys a whole step late, which is the longest that it may sign after.

import { randomBytes } from 'node:crypto'
import { createLogger } from '@meridian/service-kit/logger'
import t, { type Test } from 'tap'
import { runCommand } from '../../services/identity/src/cli/commands.ts'
import { createKeeper } from '../../services/identity/src/keys/keep-rotating.ts'
import { RETIRING_SECONDS } from '../../services/identity/src/keys/life-cycle.ts'
import { buildApp } from '../../services/region/src/app.ts'
import { createDeps } from '../../services/region/src/deps.ts'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import { eachEngine, embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import {
  exchange,
  type IdentityUnderTest,
  IN,
  type Instance,
  ISSUER,
  REGION_SECRETS,
  refresh,
  signIn,
  startIdentity,
} from '../support/identity.ts'
import { UNHURRIED } from '../support/races.ts'

const DAY = 86_400
const STEP_SECONDS = 60
const ACTIVE_SECONDS = 2 * DAY
const TOKEN_SECONDS = 900
/** How old a token is when it is shown for the first time: a second time it would come from the region's cache. */
const AGES_SECONDS = [0, 420, 780]

t.setTimeout(240_000)

/** What the region schedules is run when its time has come, in the time that the test moves. */
function makeTimes(identity: IdentityUnderTest) {
  let passedMs = 0
  const waiting = new Map<object, { dueMs: number; work: () => void }>()
  const nowMs = () => Date.now() + passedMs
  return {
    nowMs,
    passedSeconds: () => passedMs / 1000,
    schedule: (work: () => void, delayMs: number) => {
      const id = {}
      waiting.set(id, { dueMs: nowMs() + delayMs, work })
      return () => void waiting.delete(id)
    },
    /** Each of the region's loops (keys, hosts, reports) has its next turn ahead of it. */
    settle: async () => {
      while (waiting.size < 3) await new Promise(setImmediate)
    },
    pass: async (seconds: number) => {
      passedMs += seconds * 1000
      await shiftClock(identity.db, passedMs / 1000)
      for (const [id, { dueMs, work }] of [...waiting]) {
        if (dueMs > nowMs()) continue
        waiting.delete(id)
        work()
      }
    },
  }
}

type Times = ReturnType<typeof makeTimes>

/** A region that reaches the centre through a balancer: each request at the next process. */
async function startRegion(t: Test, identity: IdentityUnderTest, times: Times) {
  const urls: string[] = []
  for (const { app } of identity.instances) urls.push(await app.listen({ host: '127.0.0.1', port: 0 }))
  let turn = 0
  const balanced: typeof fetch = (input, init) => {
    turn += 1
    return fetch(String(input).replace(urls[0] ?? '', urls[turn % urls.length] ?? ''), init)
  }
  const lines: string[] = []
  const log = createLogger({ name: 'region', level: 'info', destination: { write: (line) => void lines.push(line) } })
  const database = await openRegionStore(await embeddedPlace('region'))
  const settings = {
    REGION_CODE: 'in' as never,
    AUDIENCE: IN,
    ISSUER,
    IDENTITY_URL: urls[0] ?? '',
    JWKS_URL: undefined,
    ALLOW_INSECURE_IDENTITY: false,
    CLIENT_ID: 'region-in',
    CLIENT_SECRET: REGION_SECRETS.in,
    DATABASE_URL: undefined,
    DATABASE_POOL_SIZE: 10,
    DATA_FOLDER: undefined,
    HOST: '127.0.0.1',
    PORT: 0,
    NEUTRAL_HOSTS: ['api.in.example.test'],
    CORS_ORIGINS: [],
    TRUST_PROXY: false,
    TOKEN_LEEWAY_SECONDS: 30,
    METRICS_HOST: '127.0.0.1',
    BUILD: 'test',
    LOG_LEVEL: 'info' as const,
  }
  const { nowMs, schedule } = times
  const deps = createDeps(settings, database, log, { fetch: balanced, nowMs, random: () => 0, randomBytes, schedule })
  await Promise.all([deps.keys.start(), deps.hosts.start()])
  const app = await buildApp(deps, settings)
  t.teardown(async () => {
    await app.close()
    for (const background of [deps.keys, deps.hosts, deps.keyReporter]) background.stop()
    await database.close()
  })
  await times.settle()
  const statusOf = async (token: string): Promise<number> => {
    const headers = { host: 'api.in.example.test', authorization: `Bearer ${token}` }
    return (await app.inject({ url: '/v1/me/context', headers })).statusCode
  }
  return { deps, lines, statusOf }
}

type Held = { readonly token: string; readonly shownAt: number }

/** A person who is signed in at each process, and goes on minting there and exchanging at the other. */
async function startLoad(identity: IdentityUnderTest, times: Times) {
  const held: Held[] = []
  const kids = new Set<string>()
  const refreshTokens: string[] = []
  for (const _ of identity.instances)
    refreshTokens.push(String((await signIn(identity, 'lin@acme.test')).body['refresh_token']))
  let minted = 0

  async function mintAt(instance: Instance, index: number): Promise<void> {
    const renewed = await refresh(instance, refreshTokens[index] ?? '')
    if (renewed.status !== 200) throw new Error(`refresh: ${renewed.text}`)
    refreshTokens[index] = renewed.body['refresh_token']
    const account = renewed.body['access_token']
    const other = identity.instances[(index + 1) % identity.instances.length] as Instance
    for (const age of AGES_SECONDS) {
      const exchanged = await exchange(other, account, { resource: IN, org_id: 'acme' })
      if (exchanged.status !== 200) throw new Error(`exchange: ${exchanged.text}`)
      const token = String(exchanged.body['access_token'])
      kids.add(kidOf(token))
      held.push({ token, shownAt: times.passedSeconds() + age })
      minted += 1
    }
  }

  return {
    kids,
    minted: () => minted,
    mint: () => Promise.all(identity.instances.map(mintAt)),
    /** The tokens whose turn has come; they are shown once. */
    takeDue: (): string[] => {
      const due = held.filter(({ shownAt }) => shownAt <= times.passedSeconds())
      for (const entry of due) held.splice(held.indexOf(entry), 1)
      return due.map(({ token }) => token)
    },
  }
}

const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid

async function setUp(t: Test, identity: IdentityUnderTest) {
  const times = makeTimes(identity)
  const region = await startRegion(t, identity, times)
  const load = await startLoad(identity, times)
  const keepers = identity.instances.map((instance) => createKeeper(instance.deps))
  const [prompt, late] = identity.instances as [Instance, Instance]
  const refused: string[] = []
  const published = new Set<string>()
  let fetchedAt = Number.NEGATIVE_INFINITY

  /** Another verifier, which trusts what it fetched up to five minutes ago, from whichever process, and nothing else. */
  async function fetchPlainly(): Promise<void> {
    if (times.passedSeconds() - fetchedAt < 300) return
    fetchedAt = times.passedSeconds()
    const { body } = await (Math.floor(fetchedAt / 300) % 2 === 0 ? prompt : late).get('/oauth/jwks')
    published.clear()
    for (const { kid } of body['keys']) published.add(kid)
  }

  async function step(): Promise<void> {
    await times.pass(STEP_SECONDS)
    await late.confirmKeys()
    await fetchPlainly()
    await Promise.all([...keepers.map((keeper) => keeper.look()), load.mint()])
    await prompt.confirmKeys()
    await load.mint()
    await times.settle()
    for (const token of load.takeDue()) {
      const status = await region.statusOf(token)
      if (status !== 200) refused.push(`${status} after ${times.passedSeconds()} s by ${kidOf(token)}`)
      if (!published.has(kidOf(token))) refused.push(`elsewhere after ${times.passedSeconds()} s by ${kidOf(token)}`)
    }
  }

  return { times, region, load, refused, step, prompt, late }
}

onPostgresql(t, 'a planned rotation refuses no valid token, before, during or after', async (t, makePlace) => {
  const settings = { ...UNHURRIED, keyActiveSeconds: ACTIVE_SECONDS, accessTokenTtlSeconds: TOKEN_SECONDS }
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 2, settings })
  await identity.db.sql({ name: 'one_region', text: "UPDATE region SET status = 'withdrawn' WHERE code = 'us'" }, [])
  const { times, load, refused, step, region } = await setUp(t, identity)
  for (let seconds = 0; seconds < 1200; seconds += STEP_SECONDS) await step()
  t.equal(load.kids.size, 1)
  await times.pass(ACTIVE_SECONDS - 3600 - 1200 - 2 * STEP_SECONDS)
  await times.settle()
  load.takeDue()
  const publishedKids = () => identity.deps.keySet().publicJwks.length
  const seen = new Set<number>()
  for (let seconds = 0; seconds < 3600 + RETIRING_SECONDS + 1800; seconds += STEP_SECONDS) {
    await step()
    seen.add(publishedKids())
  }
  t.strictSame(refused, [])
  t.ok(load.minted() > 1000, `${load.minted()} tokens`)
  t.equal(load.kids.size, 2, 'of two keys')
  t.strictSame([...seen], [2, 4], 'two keys were published beside their successors or predecessors')
  t.equal(publishedKids(), 2, 'and the old ones are gone')
  t.ok(region.deps.keys.find([...load.kids][1] ?? ''))
})

eachEngine(
  t,
  'after an emergency the centre refuses the old key at once, the region with its next fetch',
  async (t, makePlace) => {
    const settings = { ...UNHURRIED, accessTokenTtlSeconds: TOKEN_SECONDS }
    const identity = await startIdentity(t, await makePlace('identity'), { instances: 2, settings })
    const { times, load, refused, step, region, prompt, late } = await setUp(t, identity)
    for (let seconds = 0; seconds < 600; seconds += STEP_SECONDS) await step()
    const { access_token: account, refresh_token: refreshToken } = (await signIn(identity, 'lin@acme.test')).body
    const shown = String((await exchange(prompt, account, { resource: IN, org_id: 'acme' })).body['access_token'])
    const unshown = String((await exchange(prompt, account, { resource: IN, org_id: 'acme' })).body['access_token'])
    t.equal(await region.statusOf(shown), 200)

    await runCommand(prompt.deps, 'keys rotate', { emergency: true }, () => {})
    for (const instance of [prompt, late]) {
      await instance.confirmKeys()
      t.equal((await instance.get('/v1/me', account)).status, 401)
      t.match(await exchange(instance, account, { resource: IN, org_id: 'acme' }), { status: 400 })
      t.notMatch((await instance.get('/oauth/jwks')).text, new RegExp(`"kid":"${kidOf(shown)}"`))
    }
    const renewed = await refresh(late, refreshToken, { resource: IN, org_id: 'acme' })
    t.equal(renewed.status, 200, 'refresh tokens live')
    t.equal(
      await region.statusOf(String(renewed.body['access_token'])),
      200,
      'the new key is fetched for the first who brings it',
    )
    await times.settle()
    t.equal(await region.statusOf(shown), 401, 'with that fetch the old key is refused, also for a token in the cache')
    t.equal(await region.statusOf(unshown), 401)
    load.takeDue()
    await times.pass(TOKEN_SECONDS)
    load.takeDue()
    refused.length = 0
    for (let seconds = 0; seconds < 600; seconds += STEP_SECONDS) await step()
    t.strictSame(refused, [], 'and everybody goes on')
  },
)
