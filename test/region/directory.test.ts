// What the centre tells in its change feed is what the region answers by: people, members, organizations, modules, domains,
// origins; how it comes and how it goes.
import t from 'tap'
import { eachEngine } from '../support/databases.ts'
import { SPA_ORIGIN } from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { startDirectoryWorld } from './directory-world.ts'

const ADA = { email: 'ada@acme.test' }
const LIN = { email: 'lin@acme.test' }

await eachEngine(t, 'every kind arrives, and follows what becomes of it', async (t, makePlace) => {
  const world = await startDirectoryWorld(t, makePlace)
  const { change, tokenOf } = world
  const region = await world.startRegion(await makePlace('region'))
  const { app, database, follow, get } = region
  await follow()
  const ada = await tokenOf(ADA)
  const lin = await tokenOf(LIN)

  const listed = async () => {
    const { body } = await get('/v1/members?limit=100', ada)
    return Object.fromEntries(
      (body.members as { name: string; role: string; status: string }[]).map(({ name, role, status }) => [
        name,
        `${role} ${status}`,
      ]),
    )
  }
  t.strictSame(await listed(), { Ada: 'manager active', Lin: 'member active', Sam: 'member active' })
  t.strictSame(
    (await database.prisma.userAccount.findMany()).map(({ email }) => email).sort(),
    ['ada@acme.test', 'lin@acme.test', 'sam@both.test'],
    'nobody of another region',
  )

  await t.test('a person', async (t) => {
    await change("UPDATE user_account SET name = 'Linnéa' WHERE email = 'lin@acme.test'")
    await follow()
    t.strictSame(Object.keys(await listed()).sort(), ['Ada', 'Linnéa', 'Sam'])
    await change(
      "UPDATE membership SET display_name = 'Lin of Acme' WHERE id = $1",
      (await world.membershipOf(LIN)).mid,
    )
    await follow()
    t.strictSame(Object.keys(await listed()).sort(), ['Ada', 'Lin of Acme', 'Sam'])
  })

  await t.test('a membership: role, suspension, removal, return', async (t) => {
    const { mid } = await world.membershipOf(LIN)
    t.equal((await get('/v1/me/context', lin)).status, 200)
    await change("UPDATE membership SET role = 'viewer', version = version + 1 WHERE id = $1", mid)
    t.equal((await get('/v1/me/context', lin)).status, 200, 'nothing is known of it here yet')
    await follow()
    const refused = await get('/v1/me/context', lin)
    t.match(refused, { status: 401, body: { code: 'invalid_token' } }, 'though the lane has said nothing')
    const viewer = await tokenOf(LIN)
    t.match(await get('/v1/me/context', viewer), { status: 200, body: { role: 'viewer' } })
    await change("UPDATE membership SET status = 'suspended', version = version + 1 WHERE id = $1", mid)
    await follow()
    t.equal((await get('/v1/me/context', viewer)).status, 401)
    t.equal((await get('/v1/me/context', await tokenOf(LIN))).status, 401, 'of whatever version')
    t.equal((await listed())['Lin of Acme'], 'viewer suspended')
    await change("UPDATE membership SET status = 'active', version = version + 1 WHERE id = $1", mid)
    const back = await tokenOf(LIN)
    t.equal((await get('/v1/me/context', back)).status, 200, 'a newer token, before the feed')
    await follow()
    t.equal((await get('/v1/me/context', back)).status, 200)
    await change(
      "UPDATE membership SET status = 'removed', version = version + 1, display_name = NULL WHERE id = $1",
      mid,
    )
    await follow()
    t.equal((await get('/v1/me/context', back)).status, 401)
    t.strictSame(Object.keys(await listed()).sort(), ['Ada', 'Sam'])
    t.equal(await database.prisma.userAccount.count(), 2, 'nor is the person here any more')
    const late = await tokenOf({ ...LIN, changes: { mv: 99 } })
    t.equal((await get('/v1/me/context', late)).status, 401, 'never over a tombstone')
    t.equal(await database.prisma.provisionalMembership.count(), 0)
    await change("UPDATE membership SET status = 'active', version = version + 1 WHERE id = $1", mid)
    await follow()
    t.equal((await get('/v1/me/context', await tokenOf(LIN))).status, 200)
    t.equal(await database.prisma.userAccount.count(), 3)
  })

  await t.test('modules', async (t) => {
    t.match(await get('/crm', ada), { status: 403, body: { code: 'access_denied', module: 'records' } }, 'none yet')
    const { org_id: orgId } = await world.membershipOf(ADA)
    await change("INSERT INTO entitlement (org_id, module) VALUES ($1, 'records')", orgId)
    await follow()
    t.equal((await get('/crm', ada)).status, 200)
    t.equal((await get('/crm/fresh', ada)).status, 200)
    await change("UPDATE entitlement SET enabled = false WHERE org_id = $1 AND module = 'records'", orgId)
    await follow()
    t.equal((await get('/crm', ada)).status, 403, 'switched off')
    await change("UPDATE entitlement SET enabled = true WHERE org_id = $1 AND module = 'records'", orgId)
    await follow()
    world.link.isCut = true
    world.clock.advanceSeconds(61)
    await region.deps.directory.follower.refresh()
    t.equal((await get('/crm', ada)).status, 200, 'old news of modules closes nothing')
    t.equal((await get('/crm/fresh', ada)).status, 503, 'but what must be fresh')
    world.link.isCut = false
    await follow()
    await region.hearRevocations()
    t.equal((await get('/crm/fresh', ada)).status, 200)
  })

  await t.test('an organization, its domains and hosts', async (t) => {
    const { org_id: orgId } = await world.membershipOf(ADA)
    await change("UPDATE organization SET name = 'Acme Two', slug = 'acme-two' WHERE id = $1", orgId)
    await change(
      `INSERT INTO organization_domain (id, org_id, region, domain, status, verification, is_primary, verified_at)
       VALUES ($1, $2, 'in', 'app.acme.example', 'active', 'x', true, meridian_now())`,
      '01930000-0000-7000-8000-00000000d001',
      orgId,
    )
    t.equal((await get('/v1/members', ada, { host: 'app.acme.example' })).status, 404)
    await follow()
    await region.deps.hosts.refresh()
    t.equal((await get('/v1/members', ada, { host: 'app.acme.example' })).status, 200, 'before its minute is over')
    t.match(await database.prisma.organizationDomain.findMany(), [{ domain: 'app.acme.example', isPrimary: true }])
    t.match(await database.prisma.organization.findMany(), [{ slug: 'acme-two', name: 'Acme Two', status: 'active' }])
    await letManagersGo(world.identity)
    await change(
      "UPDATE organization_region SET status = 'withdrawn', version = version + 1 WHERE org_id = $1 AND region = 'in'",
      orgId,
    )
    await follow()
    t.match(await database.prisma.organization.findMany(), [{ status: 'deleted' }], 'withdrawn is deleted here')
    await change(
      "UPDATE organization_region SET status = 'active', version = version + 1 WHERE org_id = $1 AND region = 'in'",
      orgId,
    )
    await follow()
    t.match(await database.prisma.organization.findMany(), [{ status: 'active' }])
  })

  await t.test('origins of clients', async (t) => {
    const allowed = async (origin: string) => {
      const headers = { host: 'api.in.example.test', origin, 'access-control-request-method': 'GET' }
      const { headers: answer } = await app.inject({ method: 'OPTIONS', url: '/v1/records', headers })
      t.equal(answer['access-control-allow-credentials'], undefined)
      return answer['access-control-allow-origin'] === origin
    }
    t.ok(await allowed(SPA_ORIGIN))
    t.notOk(await allowed('https://new.example.test'))
    await change("UPDATE client SET allowed_origins = ARRAY['https://new.example.test'] WHERE id = 'spa'")
    await follow()
    await region.deps.directory.clientOrigins.load()
    t.ok(await allowed('https://new.example.test'))
    t.notOk(await allowed(SPA_ORIGIN))
  })

  await t.test('an organization that is purged', async (t) => {
    const { org_id: orgId } = await world.membershipOf({ ...ADA, org: 'acme-two' })
    await change("UPDATE organization SET status = 'deleted', deleted_at = meridian_now() WHERE id = $1", orgId)
    for (const table of ['organization_domain', 'entitlement', 'membership'])
      await change(`DELETE FROM ${table} WHERE org_id = $1`, orgId)
    await change('UPDATE organization SET purged_at = meridian_now() WHERE id = $1', orgId)
    await follow()
    const { prisma } = database
    const left = await Promise.all([
      prisma.organization.count(),
      prisma.membership.count(),
      prisma.userAccount.count(),
      prisma.entitlement.count(),
      prisma.organizationDomain.count(),
    ])
    t.strictSame(left, [0, 0, 0, 0, 0])
    t.equal((await get('/v1/me/context', ada)).status, 401)
  })
  t.equal((await region.deps.directory.replica.parked()).size, 0, 'nothing was put aside')
})
