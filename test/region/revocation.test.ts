// A region refuses what the centre has revoked, keeps it, and serves on it while the centre is away (SECURITY 1.6 A64,
// 1.7 A71, A75, 1.9 A88; §2 F31).
import t, { type Test } from 'tap'
import { openRegionStore } from '../../services/region/src/store/open-store.ts'
import { createRevocationStore } from '../../services/region/src/store/revocations.ts'
import { idOf, REGION_US } from '../resource-server/region-issuer.ts'
import { eachEngine, embeddedPlace } from '../support/databases.ts'
import { type Answer, type RegionService, startCentre, startRegion } from './region-service.ts'

function isProblem(t: Test, answer: Answer, status: number, code: string, title: string): void {
  t.equal(answer.statusCode, status, title)
  t.match(answer.json(), { code }, title)
}

async function tell({ centre, deps }: RegionService, ...entries: object[]): Promise<void> {
  centre.lane.push(...entries)
  await deps.revocationFollower.refresh()
}

const organization = (org: string, status: string, version: number) => ({
  kind: 'organization',
  org_id: idOf(org),
  status,
  version,
})

await eachEngine(t, 'what is revoked is refused, and nothing else', async (t, makePlace) => {
  const region = await startRegion(t, await makePlace('region'))
  const { as } = region
  const max = { org_id: idOf('globex'), sub: idOf('max'), sid: idOf('max’s session'), mid: idOf('max in globex') }
  const read = (changes: object = {}) => as({ ...changes })('GET', '/v1/records')
  t.equal((await read()).statusCode, 200)

  await tell(region, { kind: 'session', sid: idOf('session of ada') })
  isProblem(t, await read(), 401, 'invalid_token', 'a session that is over')
  const other = { sid: idOf('another session') }
  t.equal((await read(other)).statusCode, 200, 'another one of the same person')
  await tell(region, { kind: 'membership', mid: idOf('ada in acme'), version: 4 })
  isProblem(t, await read(other), 401, 'invalid_token', 'a token that vouches for the role that was')
  isProblem(
    t,
    await as({ ...other, mv: 4, role: 'viewer' })('POST', '/v1/records', { payload: { title: 'x' } }),
    403,
    'access_denied',
    'one of the new role may what the new role may',
  )
  t.equal((await read({ ...other, mv: 4, role: 'viewer' })).statusCode, 200)

  await tell(region, organization('globex', 'maintenance', 2))
  const paused = await read(max)
  isProblem(t, paused, 503, 'tenant_maintenance', 'maintenance')
  t.equal(paused.headers['retry-after'], '30')
  await tell(region, organization('globex', 'suspended', 3))
  isProblem(t, await read(max), 401, 'invalid_token', 'suspended')
  t.equal((await read({ ...other, mv: 4 })).statusCode, 200, 'and acme goes on')
  await tell(region, organization('globex', 'active', 4), organization('globex', 'suspended', 3))
  t.equal((await read(max)).statusCode, 200, 'open again, whatever comes late')
  await tell(region, { kind: 'key', kid: 'k1' })
  isProblem(t, await read(max), 401, 'invalid_token', 'a compromised key')
})

await eachEngine(t, 'a restart without the centre forgets nothing of it', async (t, makePlace) => {
  const folder = t.testdir()
  const made = await makePlace('region')
  const place = made.url === undefined ? { embedded: { folder } } : made
  const centre = await startCentre(t)
  const first = await startRegion(t, place, { centre })
  await tell(
    first,
    { kind: 'session', sid: idOf('stolen') },
    { kind: 'membership', mid: idOf('lin in acme'), version: 2 },
    { kind: 'membership', mid: idOf('lin in acme'), version: 5 },
    { kind: 'membership', mid: idOf('lin in acme'), version: 3 },
    organization('globex', 'active', 7),
    organization('globex', 'suspended', 6),
    organization('initech', 'suspended', 2),
  )
  await tell(
    first,
    { kind: 'membership', mid: idOf('lin in acme'), version: 4 },
    organization('globex', 'suspended', 6),
  )
  await first.stop()
  centre.away = true
  const second = await startRegion(t, place, { centre })
  const read = (changes: object) => second.as({ ...changes })('GET', '/v1/records')
  isProblem(t, await read({ sid: idOf('stolen') }), 401, 'invalid_token', 'a session')
  isProblem(t, await read({ mid: idOf('lin in acme'), mv: 4 }), 401, 'invalid_token', 'a membership')
  t.equal((await read({ mid: idOf('lin in acme'), mv: 5 })).statusCode, 200)
  isProblem(t, await read({ org_id: idOf('initech') }), 401, 'invalid_token', 'an organization')
  t.equal((await read({ org_id: idOf('globex') })).statusCode, 200)

  centre.away = false
  centre.requests = []
  await second.deps.revocationFollower.refresh()
  t.match(centre.requests.at(-1)?.path, /after=1\.9/, 'and goes on from where it was')
  centre.epoch = 2
  centre.lane = [organization('globex', 'suspended', 1)]
  await second.deps.revocationFollower.refresh()
  t.equal((await read({ org_id: idOf('initech') })).statusCode, 200, 'a centre that was restored says what is so')
  await second.stop()
  centre.away = true
  const third = await startRegion(t, place, { centre })
  isProblem(t, await third.as({ org_id: idOf('globex') })('GET', '/v1/records'), 401, 'invalid_token', 'of any version')
  t.equal((await third.as({ org_id: idOf('initech') })('GET', '/v1/records')).statusCode, 200)
})

await eachEngine(t, 'what is over is forgotten in the database, what stands is not', async (t, makePlace) => {
  const database = await openRegionStore(await makePlace('region'))
  t.teardown(() => database.close())
  let now = Date.UTC(2026, 0, 15)
  const store = createRevocationStore(database, () => now)
  const news = [
    { kind: 'session', sid: idOf('s') },
    { kind: 'membership', mid: idOf('m'), version: 2 },
    { kind: 'key', kid: 'leaked' },
    organization('acme', 'suspended', 2),
    organization('globex', 'active', 3),
  ]
  await store.save({ revocations: news as never, replaces: false, cursor: 'c1' })
  now += 4_799_000
  await store.save({ revocations: [], replaces: false, cursor: 'c2' })
  t.equal((await store.load()).revocations.length, news.length)
  now += 2_000
  await store.save({ revocations: [], replaces: false, cursor: 'c3' })
  const { revocations, cursor } = await store.load()
  t.strictSame(revocations.map(({ kind }) => kind).sort(), ['key', 'organization'])
  t.equal(cursor, 'c3')
  await database.sql(
    { name: 'spoil', text: "INSERT INTO revocation (kind, subject, told_at) VALUES ('session', 'no id', now())" },
    [],
  )
  t.equal((await store.load()).cursor, null, 'a row that cannot be read has everything told again')
})

t.test('without the centre a region serves, and closes what must not be done on old news', async (t) => {
  const region = await startRegion(t, await embeddedPlace('region'))
  const { as, centre, clock, deps } = region
  const call = as()
  const created = await call('POST', '/v1/records', { payload: { title: 'x' } })
  const url = String(created.headers.location)
  centre.away = true
  clock.advanceSeconds(61)
  await deps.revocationFollower.refresh()
  t.equal((await call('GET', url)).statusCode, 200, 'reading goes on')
  t.equal((await call('POST', '/v1/records', { payload: { title: 'y' } })).statusCode, 201, 'writing too')
  const closed = await call('DELETE', url)
  isProblem(t, closed, 503, 'temporarily_unavailable', 'deleting does not')
  t.ok(closed.headers['retry-after'])
  centre.away = false
  await deps.revocationFollower.refresh()
  t.equal((await call('DELETE', url)).statusCode, 204, 'until the centre is back')
  const elsewhere = await as({ aud: REGION_US.audience, region: 'us' })('GET', '/v1/records')
  isProblem(t, elsewhere, 401, 'wrong_region', "another region's token is no matter of news")
})
