// How an organization ends and comes back: suspended, deleted for a grace, restored, and purged once every region that it
// has ever been in has said that it erased it. What regions it is in, and who is left without one.
import t, { type Test } from 'tap'
import { purgeDeletedOrganizations } from '../../services/identity/src/directory/purge-organizations.ts'
import { dumpOf } from '../support/database-dump.ts'
import { eachEngine, embeddedPlace, type Place, shiftClock } from '../support/databases.ts'
import {
  basic,
  exchange,
  type IdentityUnderTest,
  IN,
  REGION_SECRETS,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import {
  type Ask,
  askAs,
  lockManagersOf,
  newOrganization,
  orgIdOf,
  ROOT,
  signInToAsk,
  sysAdminToAsk,
} from '../support/organizations.ts'
import { png } from '../support/pictures.ts'
import { ask, fire, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

const DAY = 86_400
const CONFLICT = { status: 409, error: 'conflict' }
const settings = { ...UNHURRIED, deletionGraceSeconds: 30 * DAY, slugQuarantineSeconds: 365 * DAY }

async function start(t: Test, place?: Place, instances = 1) {
  const identity = await startIdentity(t, place ?? (await embeddedPlace('identity')), { settings, instances })
  return { identity, root: await sysAdminToAsk(identity) }
}

/** After the clock went on: a token of then. */
async function laterAs(identity: IdentityUnderTest, seconds: number): Promise<Ask> {
  await shiftClock(identity.db, seconds)
  return askAs(identity, (await signIn(identity, ROOT)).body['access_token'])
}

t.test('what is deleted admits nobody, and comes back as it was until its grace is over', async (t) => {
  const { identity, root } = await start(t)
  const ada = await signInToAsk(identity, 'ada@acme.test')
  const account = (await signIn(identity, 'lin@acme.test')).body['access_token']
  const mint = async () => (await exchange(identity, account, { resource: IN, org_id: 'acme' })).status
  const deleted = await root('DELETE', '/v1/orgs/acme')
  t.match(deleted, { status: 200, body: { status: 'deleted' } })
  const { deleted_at, delete_after } = deleted.body['administration']
  t.equal((Date.parse(delete_after) - Date.parse(deleted_at)) / 1000, 30 * DAY)
  t.equal(await mint(), 400)
  t.equal((await ada('GET', '/v1/orgs/acme')).status, 403)
  const again = await root('DELETE', '/v1/orgs/acme')
  t.match(
    again.body,
    { version: deleted.body['version'], administration: { delete_after } },
    'a repeat puts nothing off',
  )
  const deletions = await ask(identity, `SELECT FROM audit_event WHERE kind = 'organization.deleted'`)
  t.equal(deletions.length, 1, 'and did not happen')
  for (const [title, request] of [
    ['a state', () => root('PUT', '/v1/orgs/acme/status', { status: 'active' })],
    ['a change', () => root('PATCH', '/v1/orgs/acme', { name: 'Acme' })],
    ['a region', () => root('PUT', '/v1/orgs/acme/regions/in')],
    ['a withdrawal', () => root('DELETE', '/v1/orgs/acme/regions/us')],
    ['a manager', () => root('POST', '/v1/orgs/acme/first-manager', { name: 'E', email: 'e@e.test' })],
  ] as const) {
    await refuses(t, identity, `${title} of what is deleted`, request, CONFLICT)
  }
  t.match(await root('POST', '/v1/orgs/acme/restore'), {
    status: 200,
    body: { status: 'active', administration: { deleted_at: null, delete_after: null } },
  })
  t.equal(await mint(), 200)

  await root('PUT', '/v1/orgs/acme/status', { status: 'suspended' })
  await root('DELETE', '/v1/orgs/acme')
  t.match(
    (await root('POST', '/v1/orgs/acme/restore')).body,
    { status: 'suspended' },
    'a suspension is not lifted by it',
  )
  await root('PUT', '/v1/orgs/acme/status', { status: 'active' })
  await root('DELETE', '/v1/orgs/acme')
  await lockManagersOf(identity, await orgIdOf(identity, 'acme'))
  const late = await laterAs(identity, 30 * DAY - 60)
  t.match(
    (await late('POST', '/v1/orgs/acme/restore')).body,
    { status: 'suspended' },
    'without a manager it is not opened',
  )
  await late('DELETE', '/v1/orgs/acme')
  const tooLate = await laterAs(identity, 60 * DAY)
  await refuses(t, identity, 'too late', () => tooLate('POST', '/v1/orgs/acme/restore'), CONFLICT)
  const told = await ask(
    identity,
    `SELECT status FROM revocation WHERE kind = 'organization' AND region = 'in' ORDER BY seq`,
  )
  t.strictSame(
    told.map(({ status }) => status),
    ['deleted', 'active', 'suspended', 'deleted', 'suspended', 'active', 'deleted', 'suspended', 'deleted'],
    'regions are told of each',
  )
})

t.test('an organization keeps a region, its home region, and somebody who can manage it', async (t) => {
  const { identity, root } = await start(t)
  const withdraw = (org: string, region: string) => () => root('DELETE', `/v1/orgs/${org}/regions/${region}`)
  await refuses(t, identity, 'the home region', withdraw('acme', 'in'), CONFLICT)
  await refuses(t, identity, 'the only region', withdraw('globex', 'us'), CONFLICT)
  const unknown = { status: 422, error: 'unknown_region' }
  await refuses(t, identity, 'never there', withdraw('globex', 'in'), unknown)
  await refuses(t, identity, 'no region', withdraw('globex', 'MARS'), unknown)
  await refuses(t, identity, 'adding what is none', () => root('PUT', '/v1/orgs/acme/regions/mars'), unknown)
  await root('PATCH', '/v1/orgs/acme', { home_region: 'us' })
  await refuses(t, identity, 'where all its managers are', withdraw('acme', 'in'), CONFLICT)

  // Ada manages `in`; as long as nobody manages `us`, she may make somebody manager there.
  await ask(
    identity,
    `UPDATE membership SET role = 'manager' WHERE region = 'us' AND user_id = (SELECT id FROM user_account WHERE email = 'ada@acme.test')`,
  )
  await refuses(t, identity, 'the home region, managed elsewhere too', withdraw('acme', 'us'), CONFLICT)
  await root('PUT', '/v1/orgs/globex/status', { status: 'suspended' })
  await ask(identity, `UPDATE organization SET home_region = NULL WHERE slug = 'globex'`)
  await refuses(t, identity, 'the only region of what is suspended', withdraw('globex', 'us'), CONFLICT)
  const account = (await signIn(identity, 'lin@acme.test')).body['access_token']
  const mint = async () => (await exchange(identity, account, { resource: IN, org_id: 'acme' })).status
  t.equal(await mint(), 200)
  const before = (await root('GET', '/v1/orgs/acme')).body['version']
  const left = await withdraw('acme', 'in')()
  t.match(left, { status: 200, body: { regions: ['us'], administration: { withdrawn_regions: ['in'] } } })
  t.ok(left.body['version'] > before)
  t.equal(await mint(), 400, 'its members there cannot act')
  t.equal((await withdraw('acme', 'in')()).status, 200, 'a repeat changes nothing')
  const orders = await ask(identity, 'SELECT FROM erasure_order')
  t.equal(orders.length, 0, 'and nothing is erased')
  const ada = `(SELECT id FROM user_account WHERE email = 'ada@acme.test')`
  await t.rejects(
    ask(identity, `UPDATE membership SET role = 'member' WHERE region = 'us' AND user_id = ${ada}`),
    /keeps an active manager/,
    'whoever manages only where it was withdrawn from does not count',
  )
  t.match((await root('PUT', '/v1/orgs/acme/regions/in')).body, { regions: ['in', 'us'] })
  t.equal(await mint(), 200, 'and can again')
  const told = await ask(
    identity,
    `SELECT status FROM revocation WHERE kind = 'organization' AND region = 'in' ORDER BY seq`,
  )
  t.strictSame(
    told.map(({ status }) => status),
    ['deleted', 'active'],
  )
})

t.test('whoever has not seen the latest version closes nothing, if they say so', async (t) => {
  const { identity, root } = await start(t)
  const stale = { 'if-match': '"999"' }
  for (const [title, request] of [
    ['a state', () => root('PUT', '/v1/orgs/acme/status', { status: 'suspended' }, stale)],
    ['deletion', () => root('DELETE', '/v1/orgs/acme', undefined, stale)],
    ['a region', () => root('PUT', '/v1/orgs/globex/regions/in', undefined, stale)],
    ['a withdrawal', () => root('DELETE', '/v1/orgs/acme/regions/us', undefined, stale)],
  ] as const) {
    await refuses(t, identity, title, request, { status: 412, error: 'precondition_failed' })
  }
  const { headers } = await root('GET', '/v1/orgs/acme')
  const seen = { 'if-match': String(headers['etag']) }
  t.equal((await root('DELETE', '/v1/orgs/acme', undefined, seen)).status, 200)
  t.equal((await root('DELETE', '/v1/orgs/globex', undefined, { 'if-match': null })).status, 200, 'or do not say')
})

/** Gives an organization something of every kind, all of it with a mark. */
async function fill(identity: IdentityUnderTest, org: string, mark: string): Promise<void> {
  const ada = await signInToAsk(identity, 'ada@acme.test')
  const picture = await ada('POST', `/v1/orgs/${org}/assets`, png(mark), { 'content-type': 'image/png' })
  const contact = { name: `${mark} Contact`, email: `${mark}@contact.test` }
  const branding = { name: mark, logo: picture.body['digest'] }
  await ada('PATCH', `/v1/orgs/${org}`, { name: `${mark} Ltd`, primary_contact: contact, settings: { branding } })
  const by = `(SELECT id FROM user_account WHERE email = 'ada@acme.test')`
  const id = () => identity.deps.makeId()
  for (const [text, values] of [
    [`UPDATE membership SET display_name = $2::text WHERE org_id = $1::uuid`, [org, `${mark} Display`]],
    [
      `INSERT INTO invitation (id, org_id, email, invited_by, expires_at)
        VALUES ($3::uuid, $1::uuid, $2::text, ${by}, meridian_now() + interval '7 days')`,
      [org, `${mark}@invited.test`, id()],
    ],
    [
      `INSERT INTO job (id, kind, org_id, created_by, input, total)
        VALUES ($3::uuid, 'test', $1::uuid, ${by}, to_jsonb($2::text), 1)`,
      [org, mark, id()],
    ],
    [`INSERT INTO entitlement (org_id, module) VALUES ($1::uuid, 'records')`, [org]],
    [
      `INSERT INTO organization_domain (id, org_id, region, domain, verification)
        VALUES ($3::uuid, $1::uuid, 'in', $2::text, $2::text)`,
      [org, `${mark}.test`, id()],
    ],
    [
      `INSERT INTO support_grant (id, org_id, region, requested_by, reason, duration_seconds)
        VALUES ($3::uuid, $1::uuid, 'in', (SELECT id FROM user_account WHERE email = '${ROOT}'), $2::text, 600)`,
      [org, mark, id()],
    ],
  ] as const) {
    await ask(identity, text, values)
  }
}

async function acknowledge(identity: IdentityUnderTest, region: 'in' | 'us', org: string): Promise<number> {
  const grant = { grant_type: 'client_credentials' }
  const reply = await identity.post('/oauth/token', grant, basic(`region-${region}`, REGION_SECRETS[region]))
  const [order] = await ask(
    identity,
    `SELECT id::text FROM erasure_order WHERE kind = 'organization' AND subject_id = $1::uuid AND region = $2::text`,
    [org, region],
  )
  const headers = { authorization: `Bearer ${reply.body['access_token']}` }
  const url = `/v1/regions/${region}/erasures/${order?.['id']}`
  return (await identity.inject({ method: 'PUT', url, headers })).status
}

await eachEngine(t, 'a purge waits for every region, and leaves an id and a slug', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'), 2)
  const org = await orgIdOf(identity, 'acme')
  const mark = 'zebrafinch'
  await fill(identity, org, mark)
  await root('GET', '/v1/orgs/acme/summary')
  await root('DELETE', '/v1/orgs/acme/regions/us')
  await root('DELETE', '/v1/orgs/acme')
  const purge = () =>
    fire(
      identity,
      identity.instances.map(
        () =>
          ({ deps }) =>
            purgeDeletedOrganizations(deps),
      ),
    )
  await purge()
  t.equal((await ask(identity, 'SELECT FROM erasure_order')).length, 0, 'nothing before the grace is over')

  let late = await laterAs(identity, 31 * DAY)
  await purge()
  const orders = await ask(identity, 'SELECT region FROM erasure_order WHERE subject_id = $1::uuid ORDER BY region', [
    org,
  ])
  t.strictSame(
    orders.map(({ region }) => region),
    ['in', 'us'],
    'also where it was withdrawn from',
  )
  t.equal(await acknowledge(identity, 'in', org), 204)
  await purge()
  t.match((await late('GET', `/v1/orgs/${org}`)).body, { administration: { purged_at: null } }, 'one region is missing')
  t.equal((await identity.db.prisma.organizationAsset.count()) > 0, true)
  t.equal(await acknowledge(identity, 'us', org), 204)
  await purge()
  const { body } = await late('GET', `/v1/orgs/${org}`)
  t.match(body, { id: org, slug: 'acme', status: 'deleted', administration: { counts: null } })
  t.ok(body['administration']['purged_at'])
  const rest = (await dumpOf(identity)).split('\n').filter((row) => row.includes(mark))
  t.strictSame(rest, [], 'nothing of it is left')
  const memberships = await ask(identity, `SELECT FROM membership WHERE org_id = $1::uuid AND status <> 'removed'`, [
    org,
  ])
  t.equal(memberships.length, 0)
  t.equal((await exchangeIn(identity, 'sam@both.test')).status, 200, 'its people go on elsewhere')
  const purged = await ask(identity, `SELECT FROM audit_event WHERE kind = 'organization.purged'`)
  t.equal(purged.length, 1, 'once')

  const taken = { status: 409, error: 'slug_taken' }
  const create = () => late('POST', '/v1/orgs', newOrganization('acme'))
  await refuses(t, identity, 'its slug is kept', create, taken)
  await refuses(t, identity, 'it is gone for good', () => late('POST', `/v1/orgs/${org}/restore`), CONFLICT)
  late = await laterAs(identity, (31 + 366) * DAY)
  await purge()
  t.equal((await create()).status, 201, 'a year later it is anybody’s')
  t.match((await late('GET', `/v1/orgs/${org}`)).body, { id: org, status: 'deleted' })
})

async function exchangeIn(identity: IdentityUnderTest, email: string) {
  const account = (await signIn(identity, email)).body['access_token']
  return exchange(identity, account, { resource: US, org_id: 'globex' })
}
