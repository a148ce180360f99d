// What somebody else did to the tables that requests read is drift: named, told loudly, and mended.
import { randomUUID } from 'node:crypto'
import { withTransaction } from '@meridian/database/transaction'
import { createMetrics } from '@meridian/service-kit/metrics'
import t from 'tap'
import { readRegionSync } from '../../services/identity/src/directory/region-health.ts'
import { addReplicaMetrics } from '../../services/region/src/metrics.ts'
import { listDirectoryDifferences } from '../../services/region/src/store/directory-drift.ts'
import { DIRECTORY_TABLES } from '../../services/region/src/store/directory-tables.ts'
import type { RegionDatabase } from '../../services/region/src/store/open-store.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { eachEngine } from '../support/databases.ts'
import { startDirectoryWorld } from './directory-world.ts'

const LIN = { email: 'lin@acme.test' }
const EXTRA = idOf('somebody whom nobody told of')

const run = (database: RegionDatabase, text: string) => database.sql({ name: `run_${randomUUID()}`, text }, [])

/** Everything that requests read. */
async function readTables(database: RegionDatabase) {
  const read = async (table: string, key: string) =>
    run(database, `SELECT to_jsonb(x) AS row FROM ${table} x ORDER BY ${key}`)
  return Object.fromEntries(
    await Promise.all(DIRECTORY_TABLES.map(async ({ table, key }) => [table, await read(table, key)] as const)),
  )
}

type Kind = (typeof DIRECTORY_TABLES)[number]['kind']
/** A value for each table that nobody told, and a row. */
const ALTERED: Readonly<Record<Kind, string>> = {
  user: "name = 'Mallory'",
  organization: `settings = '{"theme":"other"}'`,
  membership: "role = 'viewer'",
  entitlements: "modules = '{other}'",
  domain: 'is_primary = NOT is_primary',
  client: "allowed_origins = '{https://evil.test}'",
}
const ADDED: Readonly<Record<Kind, string>> = {
  user: `(id, name, status) VALUES ('${EXTRA}', 'Mallory', 'active')`,
  organization: `VALUES ('${EXTRA}', 'evil', 'Evil', 'active', 'free', '{}')`,
  membership: `SELECT '${EXTRA}', org_id, user_id, 'manager', 'active', NULL, 9 FROM membership LIMIT 1`,
  entitlements: `VALUES ('${EXTRA}', '{records}')`,
  domain: `SELECT '${EXTRA}', org_id, 'evil.test', 'active', false FROM organization_domain LIMIT 1`,
  client: `VALUES ('${EXTRA}', '{https://evil.test}')`,
}

type Tampering = { kind: Kind; id: string; what: 'missing' | 'extra' | 'different'; statement: string }

async function tamperingsOf(database: RegionDatabase): Promise<readonly Tampering[]> {
  const tamperings: Tampering[] = []
  for (const { kind, table, key } of DIRECTORY_TABLES) {
    const ids = (await run(database, `SELECT ${key}::text AS id FROM ${table} ORDER BY ${key}`)).map(({ id }) =>
      String(id),
    )
    const [first = '', last = ''] = [ids[0], ids.at(-1)]
    tamperings.push(
      {
        kind,
        id: first,
        what: 'different',
        statement: `UPDATE ${table} SET ${ALTERED[kind]} WHERE ${key} = '${first}'`,
      },
      { kind, id: last, what: 'missing', statement: `DELETE FROM ${table} WHERE ${key} = '${last}'` },
      { kind, id: EXTRA, what: 'extra', statement: `INSERT INTO ${table} ${ADDED[kind]}` },
    )
  }
  return tamperings
}

async function startWorld(...[t, makePlace]: Parameters<typeof startDirectoryWorld>) {
  const world = await startDirectoryWorld(t, makePlace)
  const { org_id: orgId } = await world.membershipOf(LIN)
  await world.change("INSERT INTO entitlement (org_id, module) VALUES ($1, 'records')", orgId)
  await world.change(
    `INSERT INTO organization_region (org_id, region) SELECT id, 'in' FROM organization WHERE slug = 'globex'`,
  )
  for (const domain of ['one.test', 'two.test']) {
    await world.change(
      `INSERT INTO organization_domain (id, org_id, region, domain, status, verification, verified_at)
        VALUES ($1, $2, 'in', $3, 'active', 'x', now())`,
      idOf(domain),
      orgId,
      domain,
    )
  }
  const region = await world.startRegion(await makePlace('region'))
  await region.follow()
  return { ...world, ...region }
}

await eachEngine(t, 'each row that somebody else wrote is named, and mended', async (t, makePlace) => {
  const { database, deps, finish } = await startWorld(t, makePlace)
  const { follower, reconciler } = deps.directory
  const asTold = await readTables(database)
  const tamperings = await tamperingsOf(database)
  const nothing = { differing: 0, mended: 0, named: [] }
  t.match(await finish(follower.compare()), nothing)
  for (const { kind, id, what, statement } of tamperings) {
    await run(database, statement)
    t.match(await finish(follower.compare()), { differing: 1, mended: 0, named: [{ kind, id, what }] }, statement)
    t.notSame(await readTables(database), asTold, 'a comparison mends nothing')
    t.match(await finish(follower.repair()), { differing: 1, mended: 1, named: [{ kind, id, what }] }, statement)
    t.strictSame(await readTables(database), asTold)
  }

  for (const { statement } of tamperings) await run(database, statement)
  await finish(reconciler.refresh())
  t.strictSame(await readTables(database), asTold, 'unasked, now and then')
  t.match(await finish(follower.compare()), nothing)

  const differing = new Set(tamperings.map(({ kind, id }) => `${kind}/${id}`)).size
  for (const { statement } of tamperings) await run(database, statement)
  t.match(await finish(follower.rebuild()), { differing, mended: differing })
  t.strictSame(await readTables(database), asTold, 'read anew')
  t.match(await finish(follower.rebuild()), { differing: 0, mended: 0 })
})

await eachEngine(
  t,
  'a comparison that finds something alarms once, and people are who they were',
  async (t, makePlace) => {
    const { database, deps, finish, get, identity, lines, tokenOf, membershipOf } = await startWorld(t, makePlace)
    const { news, reconciler } = deps.directory
    const token = await tokenOf(LIN)
    const { mid } = await membershipOf(LIN)
    await run(database, `DELETE FROM membership WHERE id = '${String(mid)}'`)
    t.equal((await get('/v1/me/context', token)).status, 200, 'taken from the token')
    const [{ sub }, alarms] = [await membershipOf(LIN), () => lines.filter((line) => line.includes('"alarm":true'))]
    t.equal(await database.prisma.provisionalMembership.count({ where: { userId: String(sub) } }), 1)
    await run(database, 'UPDATE provisional_membership SET dropped_at = issued_at, caught_up_at = issued_at')

    const told = async () => {
      await deps.stateReporter.refresh()
      const { regions } = await readRegionSync(identity.deps)
      const region = regions.find(({ region }) => region === 'in')
      const metrics = createMetrics()
      addReplicaMetrics({ ...deps, metrics })
      const [, rows] = (await metrics.text()).match(/^meridian_replica_drift_rows (.*)$/m) ?? []
      const alarms = region?.alarms.filter((alarm) => alarm.startsWith('drift'))
      return { drift: region?.followers[0]?.report?.drift, alarms, rows }
    }
    t.strictSame(await told(), { drift: undefined, alarms: [], rows: '0' })

    await finish(reconciler.refresh())
    await news.refresh()
    const found = ['drift: 1 rows differed within the last hour when it compared by itself']
    t.match(await told(), { drift: { differing: 1, mended: 1 }, alarms: found, rows: '1' })
    t.match(alarms(), [/"differing":1,"mended":1/])
    t.match(alarms().join(), String(mid))
    t.equal(await database.prisma.provisionalMembership.count(), 0)
    t.equal((await get('/v1/me/context', token)).status, 200)
    await finish(reconciler.refresh())
    t.equal(alarms().length, 1)
    t.match(await told(), { drift: { differing: 1, mended: 1 }, alarms: found, rows: '0' }, 'for an hour')
  },
)

await eachEngine(t, 'each row is in one span of its kind', async (t, makePlace) => {
  const { database } = await startWorld(t, makePlace)
  for (const { kind, table, key } of DIRECTORY_TABLES) {
    const rows = await run(database, `SELECT ${key}::text AS id FROM ${table} ORDER BY ${key}::text COLLATE "C"`)
    const ids = rows.map(({ id }) => String(id))
    await run(database, `UPDATE ${table} SET ${ALTERED[kind]}`)
    const bounds = ['', ...ids.slice(0, -1), '\u007f']
    for (const [index, id] of ids.entries()) {
      const span = { kind, after: bounds[index] ?? '', through: bounds[index + 1] ?? '' }
      t.strictSame(
        await withTransaction(database, ({ sql }) => listDirectoryDifferences(sql, span)),
        [{ id, what: 'different' }],
        `${kind} ${index}`,
      )
    }
  }
})

await eachEngine(t, 'who is provisional, put aside or erased is no drift of these tables', async (t, makePlace) => {
  const { database, deps, change, finish, follow, get, tokenOf, membershipOf } = await startWorld(t, makePlace)
  const { sub } = await membershipOf(LIN)
  await change(
    "UPDATE membership SET status = 'removed', version = version + 1 WHERE user_id = $1 AND region = 'in'",
    sub,
  )
  await follow()
  const sam = { email: 'sam@both.test' }
  const { mid, org_id: orgId } = await membershipOf(sam)
  await run(database, `INSERT INTO erased_subject (kind, subject_id) VALUES ('user', '${String(sub)}')`)
  await run(
    database,
    `INSERT INTO replica_parked (kind, id, epoch, revision, state, reason, generation)
      SELECT kind, id, epoch, revision, state, 'x', generation FROM replica_entity WHERE id = '${String(mid)}'`,
  )
  t.equal(
    (await get('/v1/me/context', await tokenOf({ ...sam, changes: { mid: EXTRA, sub: idOf('new'), org_id: orgId } })))
      .status,
    200,
  )
  t.equal(await database.prisma.provisionalMembership.count(), 1)
  t.match(await finish(deps.directory.follower.compare()), { differing: 0 })
})
