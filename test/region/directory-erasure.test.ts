// Whom a region has erased is in nothing that the feed has told, and does not come back with it (SECURITY §2 F32).
import type { OrgId } from '@meridian/protocol/ids'
import t from 'tap'
import { erasePersonFromDirectory } from '../../services/region/src/store/directory-erasure.ts'
import { deleteOrganization, entomb } from '../../services/region/src/store/erased-subjects.ts'
import type { RegionDatabase } from '../../services/region/src/store/open-store.ts'
import { takeTurns } from '../../services/region/src/store/replica-news.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { startDirectoryWorld } from './directory-world.ts'

const LIN = { email: 'lin@acme.test' }
const ADA = { email: 'ada@acme.test' }

/** Every row of the database that has this text in it. */
async function rowsWith(database: RegionDatabase, text: string): Promise<readonly string[]> {
  const tables = await database.sql(
    { name: 'tables', text: 'SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()' },
    [],
  )
  const found: string[] = []
  for (const { name } of tables) {
    const query = {
      name: `search_${String(name)}`,
      text: `SELECT x::text AS row FROM ${String(name)} x WHERE x::text LIKE $1`,
    }
    for (const { row } of await database.sql(query, [`%${text}%`])) found.push(`${String(name)} ${String(row)}`)
  }
  return found
}

/** Everything is told once more, to whoever holds nothing. */
async function forgetPlace(database: RegionDatabase): Promise<void> {
  const text = 'UPDATE replica_place SET cursor = NULL, epoch = NULL, turn = turn + 1, generation = generation + 1'
  await database.sql({ name: 'forget_place', text }, [])
}

await eachEngine(t, 'a person leaves nothing, whatever is told of them after', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, deps, finish, follow, get } = await world.startRegion(await makePlace('region'))
  await follow()
  const token = await world.tokenOf(LIN)
  t.equal((await get('/v1/me/context', token)).status, 200)
  const { sub, mid } = await world.membershipOf(LIN)
  t.ok((await rowsWith(database, 'lin@acme.test')).length >= 2)
  const parked = {
    kind: 'user',
    id: String(sub),
    epoch: 1,
    revision: 1,
    state: { email: 'lin@acme.test' },
    reason: 'x',
    generation: 1,
  }
  await database.prisma.replicaParked.create({ data: parked })
  const badge = { ...parked, kind: 'badge', id: String(sub).toUpperCase() }
  await database.prisma.replicaParked.create({ data: badge })

  await entomb(database, { kind: 'user', subjectId: String(sub) })
  await deps.directory.news.refresh()
  t.equal(await database.prisma.replicaParked.count(), 0)
  const late = { ...parked, reason: 'failed: lin@acme.test' }
  await database.prisma.replicaParked.create({ data: late })
  await database.prisma.replicaParked.create({ data: badge })
  const ofLin = { email: 'lin@acme.test', user_id: String(sub).toUpperCase() }
  await database.prisma.replicaParked.create({ data: { ...parked, kind: 'membership', id: 'x', state: ofLin } })
  const ofAda = { ...parked, id: idOf('somebody else'), state: { user_id: idOf('somebody else') } }
  await database.prisma.replicaParked.create({ data: ofAda })
  t.match(await database.prisma.replicaParked.findMany({ orderBy: [{ kind: 'asc' }, { id: 'asc' }] }), [
    { kind: 'badge', state: null, reason: 'erased' },
    { kind: 'membership', state: null, reason: 'erased' },
    ...[
      { id: String(sub), state: null, reason: 'erased' },
      { id: ofAda.id, state: ofAda.state, reason: 'x' },
    ].sort((one, other) => (one.id < other.id ? -1 : 1)),
  ])
  t.strictSame(await rowsWith(database, 'lin@acme.test'), [])
  t.strictSame(await rowsWith(database, 'Lin'), [])
  t.equal(await database.prisma.membership.count({ where: { userId: String(sub) } }), 0)
  t.equal((await get('/v1/me/context', token)).status, 401, 'from the tables too, in every process')

  await world.change("UPDATE user_account SET name = 'Lin again' WHERE id = $1", sub)
  await world.change("UPDATE membership SET role = 'viewer', version = version + 1 WHERE id = $1", mid)
  await follow()
  t.strictSame(await rowsWith(database, 'lin@acme.test'), [], 'a change')
  await forgetPlace(database)
  await finish(deps.directory.follower.rebuild())
  await follow()
  t.strictSame(await rowsWith(database, 'lin@acme.test'), [], 'everything anew')
  t.equal(await database.prisma.membership.count(), 2)
  t.match(await finish(deps.directory.follower.compare()), { differing: 2 }, 'that the centre still has them is told')
  await finish(deps.directory.follower.repair())
  t.strictSame(await rowsWith(database, 'lin@acme.test'), [], 'repair')
  t.equal((await get('/v1/me/context', await world.tokenOf(ADA))).status, 200, 'and others are who they were')
})

await eachEngine(
  t,
  'an organization takes along what was told of it, and people who have nothing else',
  async (t, makePlace) => {
    const world = await startDirectoryWorld(t, makePlace)
    const { database, deps, finish, follow, get } = await world.startRegion(await makePlace('region'))
    const { org_id: orgId } = await world.membershipOf(ADA)
    await world.change(
      "INSERT INTO organization_region (org_id, region) SELECT id, 'in' FROM organization WHERE slug = 'globex'",
    )
    for (const email of ['sam@both.test', 'max@globex.test']) {
      await world.change(
        `INSERT INTO membership (id, user_id, org_id, region, role) SELECT $1, u.id, o.id, 'in', 'member'
         FROM user_account u, organization o WHERE u.email = $2 AND o.slug = 'globex'`,
        idOf(`${email} in globex`),
        email,
      )
    }
    await world.change("INSERT INTO entitlement (org_id, module) VALUES ($1, 'records')", orgId)
    await follow()
    t.equal((await get('/crm', await world.tokenOf(ADA))).status, 200)
    await deps.usage.flush()
    await deps.stateReporter.refresh()
    t.equal(await database.prisma.userAccount.count(), 4)
    const parked = { epoch: 1, revision: 1, reason: 'x', generation: 1 }
    const state = { org_id: String(orgId), name: 'Acme' }
    await database.prisma.replicaParked.create({ data: { ...parked, kind: 'domain', id: 'x', state } })
    await entomb(database, { kind: 'organization', subjectId: String(orgId) })
    t.equal(await deleteOrganization(database, orgId as OrgId), 3)
    await deps.directory.news.refresh()
    t.strictSame(
      (await database.prisma.userAccount.findMany()).map(({ name }) => name).sort(),
      ['Max', 'Sam'],
      'who is a member elsewhere stays',
    )
    const left = await rowsWith(database, String(orgId))
    t.strictSame(
      new Set(left.map((row) => row.split(' ')[0])),
      new Set(['erased_subject', 'host_map', 'replica_entity', 'replica_news']),
      'its id alone is left',
    )
    t.strictSame(await rowsWith(database, 'Acme'), [])
    await database.prisma.replicaParked.create({ data: { ...parked, kind: 'domain', id: 'x', state } })
    t.strictSame(await rowsWith(database, 'Acme'), [], 'put aside after it')
    await deps.usage.flush()
    await forgetPlace(database)
    await finish(deps.directory.follower.rebuild())
    await follow()
    t.match(await database.prisma.organization.findMany(), [{ slug: 'globex' }])
    t.equal(await database.prisma.membership.count(), 2)
    t.equal(await database.prisma.usageDaily.count({ where: { orgId: String(orgId) } }), 0)
  },
)

await onPostgresql(t, 'what is being applied while somebody is erased does not come after it', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, follow } = await world.startRegion(await makePlace('region'))
  await follow()
  const { sub } = await world.membershipOf(LIN)
  await database.sql({ name: 'not_told_yet', text: "DELETE FROM replica_entity WHERE kind = 'user' AND id = $1" }, [
    sub,
  ])
  await database.prisma.userAccount.delete({ where: { id: String(sub) } })
  const applied = Promise.withResolvers<void>()
  const proceed = Promise.withResolvers<void>()
  const applying = database.begin(
    async (db) => {
      const state = { name: 'Lin, late', email: null, status: 'active' }
      await db.sql(
        {
          name: 'apply_late',
          text: `INSERT INTO replica_entity (kind, id, epoch, revision, state, generation)
            VALUES ('user', $1, 1, 1, $2::text::jsonb, 1)`,
        },
        [sub, JSON.stringify(state)],
      )
      await db.prisma.userAccount.create({ data: { id: String(sub), ...state } })
      applied.resolve()
      await proceed.promise
    },
    { timeoutMs: 10_000 },
  )
  await applied.promise
  let isErased = false
  const erasing = entomb(database, { kind: 'user', subjectId: String(sub) }).then(() => {
    isErased = true
  })
  await new Promise((resolve) => setTimeout(resolve, 300))
  t.notOk(isErased, 'it waits for its turn')
  proceed.resolve()
  await applying
  await erasing
  t.strictSame(await rowsWith(database, 'Lin'), [])
})

await onPostgresql(t, 'what is put aside while somebody is erased does not come after it', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, follow } = await world.startRegion(await makePlace('region'))
  await follow()
  const { sub } = await world.membershipOf(LIN)
  const put = Promise.withResolvers<void>()
  const proceed = Promise.withResolvers<void>()
  const puttingAside = database.begin(
    async (db) => {
      const state = { name: 'Lin, late' }
      const entry = { kind: 'user', id: String(sub), epoch: 1, revision: 1, state, reason: 'x', generation: 1 }
      await db.prisma.replicaParked.create({ data: entry })
      put.resolve()
      await proceed.promise
    },
    { timeoutMs: 10_000 },
  )
  await put.promise
  const erasing = entomb(database, { kind: 'user', subjectId: String(sub) })
  await Promise.race([erasing, untilSomebodyWaits(database)])
  proceed.resolve()
  await Promise.all([puttingAside, erasing])
  t.strictSame(await rowsWith(database, 'Lin, late'), [])
})

async function untilSomebodyWaits(database: RegionDatabase): Promise<void> {
  const text = `SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await database.sql({ name: 'somebody_waits', text }, [])).length === 0);
}

await onPostgresql(t, 'who is taken from a token while they are erased is not left behind', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const place = await makePlace('region')
  const { database, follow } = await world.startRegion(place)
  const other = await world.startRegion(place)
  await follow()
  await other.deps.directory.news.refresh()
  const [sub, known, unknown] = [idOf('new'), idOf('new in acme'), idOf('new in another')]
  const show = (mid: string) => world.tokenOf({ ...ADA, changes: { sub, mid } })
  const token = await show(known)
  t.equal((await other.get('/v1/me/context', token)).status, 200)

  const entombed = Promise.withResolvers<void>()
  const proceed = Promise.withResolvers<void>()
  const erasing = database.begin(
    async (db) => {
      await takeTurns(db.sql)
      await db.prisma.erasedSubject.create({ data: { kind: 'user', subjectId: sub } })
      await erasePersonFromDirectory(db.sql, sub)
      entombed.resolve()
      await proceed.promise
    },
    { timeoutMs: 10_000 },
  )
  await entombed.promise
  const asking = other.get('/v1/me/context', await show(unknown))
  await new Promise((resolve) => setTimeout(resolve, 300))
  proceed.resolve()
  await erasing
  t.equal((await asking).status, 401, 'it waits, and sees that they are erased')
  t.equal(await database.prisma.provisionalMembership.count(), 0)
  await other.deps.directory.news.refresh()
  t.equal((await other.get('/v1/me/context', token)).status, 401, 'and another process forgets that it knew them')
})
