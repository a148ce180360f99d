// The centre and two regions as processes on databases of their own, and each way between them as a link that faults can
// be put on. What regions verify is signed here, so that a test can come as anybody.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import pg from 'pg'
import { ISSUER, keySet, makeSigningKey, regionClaims, type SigningKey } from '../resource-server/region-issuer.ts'
import { type Link, openLink } from './feed-link.ts'
import { compareWithCentre, takeSteps, watchForSteps } from './feed-view.ts'
import { IN, REGION_SECRETS, US } from './identity.ts'
import { freePort, type IdentityProcess, identityEnvironment, spawnIdentity } from './identity-process.ts'
import { type RegionProcess, spawnRegion } from './region-process.ts'

export const CODES = ['in', 'us'] as const
export type Code = (typeof CODES)[number]
const AUDIENCES = { in: IN, us: US } as const
const CLOCK = fileURLToPath(new URL('./feed-clock.ts', import.meta.url))
const CAUGHT_UP_WITHIN_MS = 60_000
const STARTS_MAX = 10

export type FeedWorld = Awaited<ReturnType<typeof startFeedWorld>>

export type FeedWorldOptions = {
  readonly centre: string
  readonly regions: Readonly<Record<Code, string>>
  /** Whether each region's database notes when an entity goes back; it costs a write for each entry. */
  readonly isWatched?: boolean
  readonly centreEnvironment?: NodeJS.ProcessEnv
  readonly regionEnvironment?: NodeJS.ProcessEnv
}

type Region = {
  readonly code: Code
  readonly toCentre: Link
  readonly toDatabase: Link
  /** As it is, not by way of the link. */
  database: pg.Client
  readonly databaseUrl: string
  readonly clockFile: string
  process: RegionProcess
  start(port?: number): Promise<RegionProcess>
}

export async function startFeedWorld(options: FeedWorldOptions) {
  // What runs, in the order in which it came; a world that cannot begin leaves nothing behind.
  const stops: (() => Promise<unknown>)[] = []
  try {
    return await startWorld(options, stops)
  } catch (error) {
    await stopAll(stops)
    throw error
  }
}

async function stopAll(stops: (() => Promise<unknown>)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop().catch(() => {})
}

async function startWorld(options: FeedWorldOptions, stops: (() => Promise<unknown>)[]) {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-feed-'))
  stops.push(() => rm(folder, { recursive: true, force: true }))
  const key = makeSigningKey('k1')
  const keys = await publishKeys(key)
  stops.push(keys.stop)
  const makeId = createUuidV7({ now: Date.now, randomBytes })
  const centreToDatabase = await linkTo(options.centre)
  stops.push(centreToDatabase.stop)
  const [port, smtpPort] = [await freePort(), await freePort()]
  const centreClock = join(folder, 'centre.clock')
  await writeFile(centreClock, '0')
  const secrets = identityEnvironment({
    port,
    smtpPort,
    dataFolder: folder,
    url: centreToDatabase.through(options.centre),
  })
  const centreSettings = (at: number, name: string): NodeJS.ProcessEnv => ({
    ...secrets,
    PORT: String(at),
    DATA_FOLDER: join(folder, name),
    DATABASE_POOL_SIZE: '6',
    ...shifted(centreClock),
    ...options.centreEnvironment,
  })
  const startCentre = () => asSupervised(() => spawnIdentity(centreSettings(port, 'first')))
  let centre = await startCentre()
  stops.push(() => centre.kill())
  let centreDatabase = await connectTo(options.centre)
  stops.push(() => centreDatabase.end())
  const regions = new Map<Code, Region>()
  for (const code of CODES) regions.set(code, await startRegion(code))

  async function startRegion(code: Code): Promise<Region> {
    const databaseUrl = options.regions[code]
    const toCentre = await openLink({ host: '127.0.0.1', port })
    const toDatabase = await linkTo(databaseUrl)
    stops.push(toCentre.stop, toDatabase.stop)
    const clockFile = join(folder, `${code}.clock`)
    await writeFile(clockFile, '0')
    const [ownPort] = [await freePort()]
    const start = (at = ownPort) =>
      asSupervised(() =>
        spawnRegion({
          code,
          port: at,
          audience: AUDIENCES[code],
          issuer: ISSUER,
          identityUrl: `http://127.0.0.1:${toCentre.port}`,
          jwksUrl: keys.url,
          clientSecret: REGION_SECRETS[code],
          databaseUrl: toDatabase.through(databaseUrl),
          environment: {
            DATABASE_POOL_SIZE: '4',
            LOG_LEVEL: 'warn',
            ...shifted(clockFile),
            ...options.regionEnvironment,
          },
        }),
      )
    const region = { code, toCentre, toDatabase, databaseUrl, clockFile, start, process: await start() }
    stops.push(() => region.process.kill())
    const watched = { ...region, database: await connectTo(databaseUrl) }
    stops.push(
      () => watched.process.kill(),
      () => watched.database.end(),
    )
    if (options.isWatched ?? true) await watchForSteps(watched.database)
    return watched
  }

  function regionOf(code: Code): Region {
    const region = regions.get(code)
    if (region === undefined) throw new Error(`no region ${code}`)
    return region
  }

  async function setClock(file: string, pid: number, shiftMs: number): Promise<void> {
    await writeFile(file, String(shiftMs))
    process.kill(pid, 'SIGUSR2')
  }

  /** Resolves once all that was committed before is applied in the region. */
  async function untilCaughtUp(code: Code, withinMs = CAUGHT_UP_WITHIN_MS): Promise<void> {
    const { database } = regionOf(code)
    const marker = `marker-${makeId()}`
    await centreDatabase.query(
      `INSERT INTO client (id, name, auth_method, allowed_origins, allowed_resources, source)
        VALUES ('marker-' || $2, 'Marker', 'none', ARRAY['https://' || $1 || '.example.test'], '{*}', 'api')
        ON CONFLICT (id) DO UPDATE SET allowed_origins = excluded.allowed_origins`,
      [marker, code],
    )
    const deadline = performance.now() + withinMs
    for (;;) {
      const { rows } = await database.query<{ state: unknown }>(
        "SELECT state FROM replica_entity WHERE kind = 'client' AND id = 'marker-' || $1",
        [code],
      )
      if (JSON.stringify(rows[0]?.state ?? '').includes(marker)) return
      if (performance.now() > deadline) {
        const { rows: oldest } = await centreDatabase.query(
          `SELECT pg_current_snapshot()::text, (SELECT max(xid)::text FROM change) AS last_change,
            (SELECT string_agg(datname || ': ' || left(query, 60), '; ') FROM pg_stat_activity WHERE backend_xid IS NOT NULL) AS open`,
        )
        const said = [
          ...[regionOf(code).process, centre].map((one) => one.output().slice(-1500)),
          JSON.stringify(oldest),
        ]
        throw new Error(`${code} did not catch up:\n${said.join('\n')}`)
      }
      await sleep(20)
    }
  }

  const world = {
    folder,
    makeId,
    centreToDatabase,
    centreSettings,
    centreEnvironment: () => centreSettings(port, 'first'),
    centre: () => centre,
    centreDatabase: () => centreDatabase,
    centrePort: port,
    region: regionOf,
    untilCaughtUp,

    /** Milliseconds from the commit of a change of this person to its row in the region's database. */
    lagOf: async (code: Code, userId: string): Promise<number> => {
      const name = `marker ${makeId()}`
      await centreDatabase.query('UPDATE user_account SET name = $2 WHERE id = $1::uuid', [userId, name])
      const committedAt = performance.now()
      for (;;) {
        const { rows } = await regionOf(code).database.query<{ name: string }>(
          "SELECT state ->> 'name' AS name FROM replica_entity WHERE kind = 'user' AND id = $1",
          [userId],
        )
        if (rows[0]?.name === name) return performance.now() - committedAt
        await sleep(2)
      }
    },

    /** What is not as it should be once everything has come to rest; empty where all is well. */
    differences: async (mayGoBack = false): Promise<readonly string[]> => {
      const lines: string[] = []
      for (const code of CODES) {
        await untilCaughtUp(code)
        const { database } = regionOf(code)
        let found = await compareWithCentre(centreDatabase, database, code)
        // A rebuild or a repair may still be going on.
        for (let attempt = 0; attempt < 100 && found.length > 0; attempt += 1) {
          await sleep(200)
          found = await compareWithCentre(centreDatabase, database, code)
        }
        lines.push(...found)
        if (!(options.isWatched ?? true)) continue
        const steps = await takeSteps(database)
        if (!mayGoBack) lines.push(...steps.map((step) => `${code}: went back: ${step}`))
      }
      return lines
    },

    killCentre: () => centre.kill(),
    startCentre: async () => {
      centre = await startCentre()
    },
    /** A further process of the centre on the same database. */
    spawnOtherCentre: async (): Promise<IdentityProcess> => spawnIdentity(centreSettings(await freePort(), 'second')),
    killRegion: (code: Code) => regionOf(code).process.kill(),
    startRegion: async (code: Code) => {
      const region = regionOf(code)
      region.process = await region.start()
    },
    /** A further process of the region on the same database. */
    spawnOtherRegion: async (code: Code): Promise<RegionProcess> => regionOf(code).start(await freePort()),
    setRegionClock: (code: Code, shiftMs: number) => {
      const { clockFile, process } = regionOf(code)
      return setClock(clockFile, process.pid, shiftMs)
    },
    setCentreClock: (shiftMs: number) => setClock(centreClock, centre.pid, shiftMs),
    /** After a database was away: what this test itself asks it with. */
    reconnect: async () => {
      await centreDatabase.end().catch(() => {})
      centreDatabase = await connectTo(options.centre)
      for (const region of regions.values()) {
        await region.database.end().catch(() => {})
        region.database = await connectTo(region.databaseUrl)
      }
    },

    token: (code: Code, claims: Record<string, unknown>) =>
      key.sign(regionClaims(Math.floor(Date.now() / 1000), { aud: AUDIENCES[code], region: code, ...claims })),
    /** What a region answers to this token. */
    ask: async (code: Code, token: string, path = '/v1/me/context', url = regionOf(code).process.url) => {
      const reply = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
      return { status: reply.status, body: (await reply.json().catch(() => null)) as Record<string, unknown> | null }
    },
    stop: () => stopAll(stops),
  }
  return world
}

/** Started again where it ends, as a supervisor does: on a machine with too much to do a database may not answer in time. */
async function asSupervised<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start()
    } catch (error) {
      if (attempt === STARTS_MAX) throw error
    }
  }
}

const shifted = (clockFile: string): NodeJS.ProcessEnv => ({
  CLOCK_SHIFT_FILE: clockFile,
  NODE_OPTIONS: `--import=${CLOCK}`,
})

async function connectTo(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  return client
}

function linkTo(databaseUrl: string): Promise<Link> {
  const { hostname, port } = new URL(databaseUrl)
  return openLink({ host: hostname, port: Number(port || 5432) })
}

async function publishKeys(key: SigningKey): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/jwk-set+json' }).end(JSON.stringify(keySet(key)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
