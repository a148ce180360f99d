// The centre and regions as processes on databases of their own, and a signer of region tokens for any session: what it
// takes to see how a revocation gets to where it is refused.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import pg from 'pg'
import { ISSUER, keySet, makeSigningKey, regionClaims, type SigningKey } from '../resource-server/region-issuer.ts'
import { IN, REGION_SECRETS, US } from './identity.ts'
import { freePort, identityEnvironment, spawnIdentity } from './identity-process.ts'
import { spawnRegion } from './region-process.ts'

type Code = 'in' | 'us'
const AUDIENCES = { in: IN, us: US } as const

export type LaneWorld = Awaited<ReturnType<typeof startLaneWorld>>

export async function startLaneWorld(options: {
  readonly centreDatabase: string
  readonly regionDatabases: Readonly<Partial<Record<Code, string>>>
}) {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-lane-'))
  const [port, smtpPort] = [await freePort(), await freePort()]
  const environment = identityEnvironment({ port, smtpPort, dataFolder: folder, url: options.centreDatabase })
  const key = makeSigningKey('k1')
  const keys = await publishKeys(key)
  let centre = await spawnIdentity(environment)
  const starters = Object.entries(options.regionDatabases).map(async ([name, databaseUrl]) => {
    const code = name as Code
    const start = {
      code,
      port: await freePort(),
      audience: AUDIENCES[code],
      issuer: ISSUER,
      identityUrl: centre.url,
      jwksUrl: keys.url,
      clientSecret: REGION_SECRETS[code],
      databaseUrl,
    }
    return [code, { start, process: await spawnRegion(start) }] satisfies [Code, object]
  })
  const regions = new Map(await Promise.all(starters))
  const database = new pg.Client(options.centreDatabase)
  await database.connect()
  const makeId = createUuidV7({ now: Date.now, randomBytes })

  function regionOf(code: Code) {
    const region = regions.get(code)
    if (region === undefined) throw new Error(`no region ${code}`)
    return region
  }

  /** What a region answers to a token of this session. */
  async function statusOf(sid: string, code: Code = 'in'): Promise<number> {
    const claims = regionClaims(Math.floor(Date.now() / 1000), { aud: AUDIENCES[code], region: code, sid })
    const headers = { authorization: `Bearer ${key.sign(claims)}` }
    return (await fetch(`${regionOf(code).process.url}/v1/me/context`, { headers })).status
  }

  return {
    makeId,
    statusOf,
    /** Ends a session that nobody has, as far as regions are told. Resolves once that is committed. */
    revoke: async (): Promise<string> => {
      const sid = makeId()
      await database.query("INSERT INTO revocation (kind, subject) VALUES ('session', $1)", [sid])
      return sid
    },
    untilRefused: async (sid: string, code: Code = 'in', everyMs = 10): Promise<void> => {
      const deadline = performance.now() + 30_000
      while ((await statusOf(sid, code)) !== 401) {
        if (performance.now() > deadline) throw new Error('a revocation was lost')
        await sleep(everyMs)
      }
    },
    killCentre: () => centre.kill(),
    startCentre: async () => {
      centre = await spawnIdentity(environment)
    },
    killRegion: (code: Code = 'in') => regionOf(code).process.kill(),
    startRegion: async (code: Code = 'in') => {
      const region = regionOf(code)
      region.process = await spawnRegion(region.start)
    },
    stop: async () => {
      for (const { process } of regions.values()) await process.kill()
      await centre.kill()
      await database.end()
      await keys.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
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
