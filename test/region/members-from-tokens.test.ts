// Members whom the feed has not told of yet are taken from their tokens, until it does or should have; never over what it
// has told (ARCHITECTURE §10, SECURITY §2 F32).
import type { RegionTokenClaims } from '@meridian/protocol/access-token'
import t from 'tap'
import { judgeMember } from '../../services/region/src/replica/known-members.ts'
import type { MembershipFact } from '../../services/region/src/store/memberships.ts'
import { takeTurns } from '../../services/region/src/store/replica-news.ts'
import { idOf } from '../resource-server/region-issuer.ts'
import { emptyDataFolder } from '../support/data-folder.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { startDirectoryWorld } from './directory-world.ts'

const ADA = { email: 'ada@acme.test' }
const LIN = { email: 'lin@acme.test' }
const NEW = { email: 'nobody@example.test' }
const JOIN = `INSERT INTO membership (id, user_id, org_id, region, role)
  SELECT $1, u.id, o.id, 'in', 'member' FROM user_account u, organization o
  WHERE u.email = 'nobody@example.test' AND o.slug = 'acme'`

await eachEngine(t, 'a member is let in before the feed tells of them, and listed after', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, deps, follow, get } = await world.startRegion(await makePlace('region'))
  await follow()
  const mid = idOf('nobody in acme')
  await world.change(JOIN, mid)
  const token = await world.tokenOf(NEW)
  const statuses = await Promise.all(Array.from({ length: 8 }, () => get('/v1/me/context', token)))
  t.strictSame(new Set(statuses.map(({ status }) => status)), new Set([200]), 'however many ask at once')
  t.match(await database.prisma.provisionalMembership.findMany(), [{ id: mid, role: 'member', version: 1 }])
  const listed = async () => (await get('/v1/members', await world.tokenOf(ADA))).body.members.length
  t.equal(await listed(), 3)
  await follow()
  t.equal(await listed(), 4)
  t.equal(await database.prisma.provisionalMembership.count(), 0)
  world.clock.advanceSeconds(300)
  await deps.directory.provisional.refresh()
  t.equal((await get('/v1/me/context', token)).status, 200)
})

await eachEngine(t, 'who is not confirmed is dropped, and a newer token begins again', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { clock, link } = world
  const { database, deps, follow, get, lines } = await world.startRegion(await makePlace('region'))
  await follow()
  const settle = async () => {
    await deps.directory.provisional.refresh()
    await deps.directory.news.refresh()
  }
  const unknown = { sub: idOf('ghost'), mid: idOf('ghost in acme'), mv: 1 }
  const show = () => world.tokenOf({ ...ADA, changes: { ...unknown, sid: idOf('session of a ghost') } })
  const first = await show()
  link.isCut = true
  t.equal((await get('/v1/me/context', first)).status, 200)
  clock.advanceSeconds(120)
  await settle()
  t.equal((await get('/v1/me/context', first)).status, 200, 'while the centre is away nobody is dropped')
  link.isCut = false
  await follow()
  await settle()
  clock.advanceSeconds(59)
  await settle()
  t.equal((await get('/v1/me/context', first)).status, 200, 'nor before a minute is over')
  clock.advanceSeconds(1)
  await settle()
  t.match(await get('/v1/me/context', first), { status: 401, body: { code: 'invalid_token' } })
  t.match(lines.join(''), /did not confirm/)
  const second = await show()
  t.equal((await get('/v1/me/context', second)).status, 200, 'the centre has looked again since')
  t.equal((await get('/v1/me/context', first)).status, 200, 'and the older one is as good as it')
  await follow()
  clock.advanceSeconds(1)
  await follow()
  await settle()
  clock.advanceSeconds(60)
  await settle()
  t.equal((await get('/v1/me/context', second)).status, 401)
  clock.advanceSeconds(2 * 86_400)
  await settle()
  t.equal(await database.prisma.provisionalMembership.count(), 0, 'and is forgotten')
})

await eachEngine(
  t,
  'nobody is taken over a tombstone, an erasure or a newer membership, nor support',
  async (t, makePlace) => {
    const world = await startDirectoryWorld(t, makePlace)
    const { database, deps, follow, get } = await world.startRegion(await makePlace('region'))
    await follow()
    const lin = await world.membershipOf(LIN)
    await world.change("UPDATE membership SET status = 'removed', version = version + 1 WHERE id = $1", lin['mid'])
    await follow()
    for (const mv of [1, 2, 7])
      t.equal((await get('/v1/me/context', await world.tokenOf({ ...LIN, changes: { mv } }))).status, 401, `${mv}`)
    const ada = await world.membershipOf(ADA)
    const stranger = await world.tokenOf({ ...ADA, changes: { sub: idOf('stranger') } })
    t.equal((await get('/v1/me/context', stranger)).status, 401, 'a membership is one person’s')
    const elsewhere = await world.tokenOf({ ...ADA, changes: { org_id: idOf('another') } })
    t.equal((await get('/v1/me/context', elsewhere)).status, 401, 'in one organization')
    const grant = idOf('a support grant')
    const support = { sub: grant, mid: grant, act: { sub: idOf('root') }, role: 'viewer' }
    t.equal((await get('/v1/me/context', await world.tokenOf({ ...ADA, changes: support }))).status, 200)
    await database.prisma.erasedSubject.create({ data: { kind: 'user', subjectId: idOf('gone') } })
    const erased = { sub: idOf('gone'), mid: idOf('gone in acme') }
    t.equal((await get('/v1/me/context', await world.tokenOf({ ...ADA, changes: erased }))).status, 401)
    t.strictSame(await database.prisma.provisionalMembership.findMany(), [])
    t.equal((await get('/v1/me/context', await world.tokenOf({ ...ADA, changes: { mv: ada['mv'] } }))).status, 200)
    t.equal(deps.directory.follower.behindSeconds(), 0)
  },
)

await onPostgresql(t, 'each process hears what another one applies', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const place = await makePlace('region')
  const one = await world.startRegion(place)
  const two = await world.startRegion(place)
  await one.follow()
  await two.deps.directory.news.refresh()
  const lin = await world.tokenOf(LIN)
  const { mid, org_id: orgId } = await world.membershipOf(LIN)
  for (const region of [one, two]) {
    t.equal((await region.get('/v1/me/context', lin)).status, 200)
    t.equal((await region.get('/crm', lin)).status, 403)
  }
  await world.change("UPDATE membership SET role = 'viewer', version = version + 1 WHERE id = $1", mid)
  await world.change("INSERT INTO entitlement (org_id, module) VALUES ($1, 'records')", orgId)
  await one.follow()
  t.equal((await one.get('/v1/me/context', lin)).status, 401)
  t.equal((await two.get('/v1/me/context', lin)).status, 200, 'not yet')
  await two.deps.directory.news.refresh()
  t.equal((await two.get('/v1/me/context', lin)).status, 401)
  t.equal((await two.get('/crm', await world.tokenOf(LIN))).status, 200)
  await two.database.sql(
    { name: 'forget_news', text: 'DELETE FROM replica_news WHERE applied < (SELECT max(applied) FROM replica_news)' },
    [],
  )
  await world.change("UPDATE membership SET role = 'member', version = version + 1 WHERE id = $1", mid)
  await one.follow()
  await one.database.sql(
    { name: 'lose_news', text: 'UPDATE replica_news SET applied = applied + 5, memberships = ARRAY[]::uuid[]' },
    [],
  )
  const viewer = await world.tokenOf({ ...LIN, changes: { mv: 2, role: 'viewer' } })
  t.equal((await two.get('/v1/me/context', viewer)).status, 200)
  await two.deps.directory.news.refresh()
  t.equal((await two.get('/v1/me/context', viewer)).status, 401, 'who has missed news reads everything anew')
})

await eachEngine(t, 'a look-up that overlaps with a change is not remembered', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { deps, follow, get } = await world.startRegion(await makePlace('region'))
  await follow()
  const { mid } = await world.membershipOf(LIN)
  const lin = await world.tokenOf(LIN)
  await world.change("UPDATE membership SET role = 'viewer', version = version + 1 WHERE id = $1", mid)
  await Promise.all([...Array.from({ length: 20 }, () => get('/v1/me/context', lin)), follow()])
  t.equal((await get('/v1/me/context', lin)).status, 401)
  t.equal(deps.directory.follower.behindSeconds(), 0)
})

await eachEngine(t, 'after a restart without the centre the same are let in, and refused', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const made = await makePlace('region')
  const place = made.url === undefined ? { embedded: { folder: await emptyDataFolder(t) } } : made
  const first = await world.startRegion(place)
  await first.follow()
  const lin = await world.tokenOf(LIN)
  const { mid, org_id: orgId } = await world.membershipOf(LIN)
  await world.change("UPDATE membership SET role = 'viewer', version = version + 1 WHERE id = $1", mid)
  await world.change("INSERT INTO entitlement (org_id, module) VALUES ($1, 'records')", orgId)
  await first.follow()
  const hosts = first.deps.hosts.refresh()
  await hosts
  await first.stop()
  world.link.isCut = true
  const second = await world.startRegion(place)
  t.equal((await second.get('/v1/me/context', lin)).status, 401)
  t.equal((await second.get('/crm', await world.tokenOf(LIN))).status, 200)
  t.equal((await second.get('/v1/members', await world.tokenOf(ADA))).body.members.length, 3)
  const late = await world.tokenOf({ ...ADA, changes: { sub: idOf('new'), mid: idOf('new in acme') } })
  t.equal((await second.get('/v1/me/context', late)).status, 200)
  t.equal(second.deps.directory.clientOrigins.has('https://app.example.test'), true)
})

t.test('what is known of a membership, and what a token says', async (t) => {
  const claims = {
    mid: idOf('m'),
    sub: idOf('u'),
    org_id: idOf('o'),
    mv: 3,
    iat: 1000,
    role: 'member',
  } as unknown as RegionTokenClaims
  const held = { kind: 'held', userId: idOf('u'), orgId: idOf('o'), version: 3, status: 'active' } as const
  const taken = { ...held, kind: 'provisional', issuedAtMs: 1_000_000, isDropped: false } as const
  const cases: [string, MembershipFact, string][] = [
    ['as it is', held, 'live'],
    ['an older one is held', { ...held, version: 2, status: 'suspended' }, 'live'],
    ['a newer one is held', { ...held, version: 4 }, 'over'],
    ['suspended', { ...held, status: 'suspended' }, 'over'],
    ['somebody else’s', { ...held, userId: idOf('x') }, 'over'],
    ['somewhere else', { ...held, orgId: idOf('x') }, 'over'],
    ['gone', { kind: 'gone' }, 'over'],
    ['unknown', { kind: 'unknown' }, 'unknown'],
    ['taken', taken, 'live'],
    ['taken from an older token', { ...taken, issuedAtMs: 1 }, 'live'],
    ['taken from an older one of an older version', { ...taken, issuedAtMs: 1, version: 2 }, 'unknown'],
    ['taken from one of a newer version', { ...taken, version: 4 }, 'over'],
    ['dropped', { ...taken, isDropped: true }, 'over'],
    ['an older one was dropped', { ...taken, isDropped: true, issuedAtMs: 1 }, 'unknown'],
  ]
  for (const [title, fact, verdict] of cases) t.equal(judgeMember(claims, fact), verdict, title)
})

await onPostgresql(t, 'who drops the unconfirmed waits for the turn before a row is held', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { database, deps, follow, get } = await world.startRegion(await makePlace('region'))
  await follow()
  const unknown = { sub: idOf('ghost'), mid: idOf('ghost in acme'), mv: 1 }
  t.equal((await get('/v1/me/context', await world.tokenOf({ ...ADA, changes: unknown }))).status, 200)
  world.clock.advanceSeconds(1)
  await follow()
  await deps.directory.provisional.refresh()
  world.clock.advanceSeconds(90)
  const waiting = `SELECT count(*)::integer AS count FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock'`
  const isWaiting = async () => {
    const [row] = await database.sql({ name: 'count_waiting', text: waiting }, [])
    return row?.['count'] === 1
  }
  let settling: Promise<void> | undefined
  await database.begin(
    async (db) => {
      await takeTurns(db.sql)
      settling = deps.directory.provisional.refresh()
      while (!(await isWaiting()));
      const take = { name: 'take_row', text: 'SELECT id::text FROM provisional_membership FOR UPDATE NOWAIT' }
      t.match(await db.sql(take, []), [{ id: unknown.mid }], 'whoever has the turn has the rows')
    },
    { timeoutMs: 5_000 },
  )
  await settling
})
