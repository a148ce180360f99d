// `meridian sync …` as it is typed, with a centre and a region that run, and another region that does not.

import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { createUuidV7 } from '@meridian/database/uuid-v7'
import pg from 'pg'
import t from 'tap'
import { importDirectory } from '../../services/identity/src/directory/import-directory.ts'
import { applyRegistry } from '../../services/identity/src/directory/registry.ts'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { onPostgresql } from '../support/databases.ts'
import { IN, people, REGION_SECRETS, registry } from '../support/identity.ts'
import { freePort, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'
import { meridian } from '../support/meridian-command.ts'
import { spawnRegion } from '../support/region-process.ts'

t.setTimeout(180_000)

const SOON_MS = 30_000

async function until<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + SOON_MS
  for (;;) {
    const found = await read()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`not soon: ${what}`)
    await wait(100)
  }
}

await onPostgresql(t, 'an operator looks at regions, finds what differs, mends it, and counts', async (t, place) => {
  const [centre, copy] = [await place('identity'), await place('region')]
  const db = await openIdentityStore(centre)
  t.teardown(() => db.close())
  const makeId = createUuidV7({ now: Date.now, randomBytes })
  await applyRegistry({ db }, registry)
  await importDirectory({ db, makeId }, people)

  const [port, metricsPort, regionMetricsPort] = [await freePort(), await freePort(), await freePort()]
  const environment: NodeJS.ProcessEnv = {
    ...identityEnvironment({ port, smtpPort: await freePort(), dataFolder: t.testdir(), url: centre.url }),
    METRICS_PORT: String(metricsPort),
  }
  const service = await spawnIdentity(environment)
  t.teardown(() => service.kill())
  const region = await spawnRegion({
    code: 'in',
    port: await freePort(),
    audience: IN,
    issuer: String(environment['ISSUER']),
    identityUrl: service.url,
    jwksUrl: `${service.url}/oauth/jwks`,
    clientSecret: REGION_SECRETS.in,
    databaseUrl: copy.url ?? '',
    environment: { METRICS_PORT: String(regionMetricsPort) },
  })
  t.teardown(() => region.kill())
  const held = new pg.Client(copy.url)
  await held.connect()
  t.teardown(() => held.end())

  const operator = { PATH: environment['PATH'], DATA_FOLDER: environment['DATA_FOLDER'] }
  const run = (...args: string[]) => meridian(operator, 'sync', ...args)
  const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).out)

  const inRegion = await until('the region is healthy', async () => {
    const { regions } = await json('status')
    return regions.find((line: { region: string; health: string }) => line.region === 'in' && line.health === 'healthy')
  })
  t.match(inRegion, { behind_entries: 0, parked: 0, visible: { organizations: 1, memberships: 3 } })
  const shown = await run('status')
  t.equal(shown.code, 0)
  t.match(shown.out, /region us · health unreachable/)
  t.match(shown.out, /alarms unreachable: nothing was heard of it for a minute/)

  t.match(await run('drift', '--region', 'in'), { code: 0, out: /region in · outcome done .* differing 0/ })
  const all = await run('drift', '--json')
  t.equal(all.code, 1, 'one of the regions is not there')
  t.match(JSON.parse(all.out).regions, [
    { region: 'in', outcome: 'done', differing: 0 },
    { region: 'us', outcome: 'unreachable', order: null },
  ])

  await held.query(
    "DELETE FROM replica_entity WHERE kind = 'membership' AND id = (SELECT min(id) FROM replica_entity WHERE kind = 'membership')",
  )
  const drift = await run('drift', '--region', 'in', '--json')
  t.equal(drift.code, 1)
  t.match(JSON.parse(drift.out), {
    regions: [{ outcome: 'done', differing: 1, mended: 0 }],
    drift: [{ region: 'in', kind: 'membership', what: 'missing', held_revision: null }],
  })
  const rehearsed = await run('users', '--region', 'in', '--dry-run', '--json')
  t.match([rehearsed.code, JSON.parse(rehearsed.out)], [0, { dry_run: true, regions: [{ differing: 1, mended: 0 }] }])
  t.match(await json('repair', '--region', 'in'), { regions: [{ outcome: 'done', differing: 1, mended: 1 }] })
  t.equal((await run('drift', '--region', 'in')).code, 0, 'and then nothing differs')
  const anew = await run('users', '--region', 'in', '--truncate', '--json')
  t.equal(anew.code, 0, anew.err)
  const [rebuilt] = JSON.parse(anew.out).regions
  t.match(rebuilt, { region: 'in', outcome: 'done', error: null })
  t.ok(rebuilt.rows >= 7, `${rebuilt.rows} rows were read anew`)
  t.match(await run('users', '--region', 'mars'), { code: 1, err: /no such active region/ })
  t.match(await run('users', '--what'), { code: 2, err: /Usage: meridian sync users/ })
  t.match(await run('users', '--help'), { code: 0, out: /--truncate +read everything anew/ })
  t.match(await run(), { code: 2, err: /Which of them\?/ })

  t.match(await json('tenants', '--dry-run'), { dry_run: true, organizations: 2, fresh: 0, counted: 2 })
  t.match(await json('tenants'), { organizations: 2, fresh: 0, counted: 2, failed: [] })
  t.match(await json('tenants'), { organizations: 2, fresh: 2, counted: 0 }, 'what was counted lately is left alone')
  t.match(await json('tenants', '--region', 'in', '--force'), { organizations: 1, fresh: 0, counted: 1 })

  const numbers = async (at: number) => (await fetch(`http://127.0.0.1:${at}/metrics`)).text()
  const seconds = await until('a canary is known', async () => {
    const text = await numbers(metricsPort)
    const [sum, count] = ['sum', 'count'].map(
      (part) => new RegExp(`^meridian_revocation_canary_seconds_${part}\\{region="in"\\} (\\S+)$`, 'm').exec(text)?.[1],
    )
    return sum === undefined || count === undefined ? undefined : Number(sum) / Number(count)
  })
  t.comment(`a revocation is known in the region within ${seconds} s`)
  t.ok(seconds < 15, `${seconds} s`)
  const own = await numbers(regionMetricsPort)
  t.match(own, /meridian_replica_stale_seconds\{lane="revocations"\} [\d.]+/)
  t.match(own, /meridian_replica_applied_total [1-9]/)
  t.match(own, /meridian_replica_rebuilding 0/)
})
