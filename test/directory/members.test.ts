// Members, as their managers see and change them: who may, in which regions, and what they are shown of a person.
import { memberPageSchema, memberSchema } from '@meridian/protocol/members'
import t, { type Test } from 'tap'
import { eachEngine, embeddedPlace, type Place } from '../support/databases.ts'
import { exchange, type IdentityUnderTest, IN, makeSysAdmin, startIdentity, US } from '../support/identity.ts'
import { addMember, call, eventsOf, membershipOf, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

const start = (t: Test, place: Place) => startIdentity(t, place, { settings: UNHURRIED })
const ACME = '/v1/orgs/acme/members'

async function withManager(t: Test) {
  const identity = await start(t, await embeddedPlace('identity'))
  return { identity, ada: await tokenOf(identity, 'ada@acme.test') }
}

/** One service for tests that do not get in each other's way. */
const common = withManager(t)

const lin = (identity: IdentityUnderTest) => membershipOf(identity, 'lin@acme.test', 'acme', 'in')

t.test('a manager lists the members of the regions that they manage, and sees nothing of elsewhere', async (t) => {
  const { identity, ada } = await withManager(t)
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const page = memberPageSchema.parse((await call(identity, ada, 'GET', ACME)).body)
  t.strictSame(page.members.map(({ user, region, role }) => [user.email, region, role]).sort(), [
    ['ada@acme.test', 'in', 'manager'],
    ['lin@acme.test', 'in', 'member'],
    ['sam@both.test', 'in', 'member'],
  ])
  t.notMatch(JSON.stringify(page), /globex|"us"/, 'nothing of another organization or region')
  const elsewhere = await membershipOf(identity, 'una@acme.test', 'acme', 'us')
  const denied = { status: 403, error: 'access_denied' }
  const missing = { status: 404, error: 'not_found' }
  await refuses(t, identity, 'another region', () => call(identity, ada, 'GET', `${ACME}?region=us`), denied)
  for (const method of ['GET', 'DELETE'] as const) {
    const url = `${ACME}/${elsewhere.id}`
    await refuses(t, identity, `${method} in another region`, () => call(identity, ada, method, url), missing)
  }
  const foreign = await membershipOf(identity, 'max@globex.test', 'globex', 'us')
  await refuses(t, identity, 'a foreign one', () => call(identity, ada, 'GET', `${ACME}/${foreign.id}`), missing)
  for (const org of ['globex', 'nowhere', 'a b', '..']) {
    const url = `/v1/orgs/${encodeURIComponent(org)}/members`
    if (org !== '..') await refuses(t, identity, org, () => call(identity, ada, 'GET', url), denied)
  }
})

t.test('where a region has no manager, any manager of the organization stands in', async (t) => {
  const { identity, ada } = await withManager(t)
  await addMember(identity, 'vic@acme.test', { org: 'acme', region: 'us', role: 'member' })
  const listed = await call(identity, ada, 'GET', `${ACME}?region=us`)
  t.equal(listed.status, 200, listed.text)
  const { id: foreign } = await membershipOf(identity, 'max@globex.test', 'globex', 'us')
  const missing = { status: 404, error: 'not_found' }
  await refuses(t, identity, 'a foreign one there', () => call(identity, ada, 'GET', `${ACME}/${foreign}`), missing)
  const vic = await membershipOf(identity, 'vic@acme.test', 'acme', 'us')
  const changed = await call(identity, ada, 'PATCH', `${ACME}/${vic.id}`, { role: 'manager' }, { 'if-match': '*' })
  t.equal(changed.status, 200, changed.text)
  const now = await call(identity, ada, 'GET', `${ACME}?region=us`)
  t.equal(now.status, 403, 'and no longer once there is one')
})

t.test('a list is filtered, searched and paged', async (t) => {
  const { identity, ada } = await common
  for (const name of ['pa', 'pb', 'pc']) {
    await addMember(identity, `${name}@acme.test`, { org: 'acme', region: 'in', role: 'viewer' })
  }
  const emails = async (query: string) => {
    const reply = await call(identity, ada, 'GET', `${ACME}?region=in&${query}`)
    return memberPageSchema.parse(reply.body).members.map(({ user }) => user.email)
  }
  t.strictSame(await emails('role=viewer'), ['pa@acme.test', 'pb@acme.test', 'pc@acme.test'])
  t.strictSame(await emails('search=LIN%40'), ['lin@acme.test'])
  t.strictSame(await emails('search=%25'), [], 'a wildcard is a character')
  t.strictSame(await emails('status=suspended'), [])
  const seen: unknown[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const { body } = await call(
      identity,
      ada,
      'GET',
      `${ACME}?region=in&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
    )
    seen.push(...memberPageSchema.parse(body).members.map(({ id }) => id))
    cursor = body['next_cursor']
  }
  t.equal(new Set(seen).size, 6)
  t.equal(seen.length, 6, 'each once')
})

await eachEngine(
  t,
  'a role is changed for the version that was read, and tokens of before are over',
  async (t, makePlace) => {
    const identity = await start(t, await makePlace('identity'))
    const ada = await tokenOf(identity, 'ada@acme.test')
    const session = await tokenOf(identity, 'lin@acme.test')
    const { id } = await lin(identity)
    const read = await call(identity, ada, 'GET', `${ACME}/${id}`)
    const etag = String(read.headers['etag'])
    t.equal(memberSchema.parse(read.body).role, 'member')
    const patch = (payload: object, headers = {}) => call(identity, ada, 'PATCH', `${ACME}/${id}`, payload, headers)
    t.equal((await patch({ role: 'viewer' })).status, 428)
    const changed = await patch({ role: 'viewer' }, { 'if-match': etag })
    t.equal(changed.status, 200, changed.text)
    t.equal(changed.headers['etag'], '"2"')
    const stale = { status: 412, error: 'precondition_failed' }
    await refuses(t, identity, 'stale', () => patch({ role: 'manager' }, { 'if-match': etag }), stale)
    const token = await exchange(identity, session, { resource: IN, org_id: 'acme' })
    t.equal(
      JSON.parse(Buffer.from(String(token.body['access_token']).split('.')[1] ?? '', 'base64url').toString()).role,
      'viewer',
    )
    const suspended = await patch({ status: 'suspended' }, { 'if-match': '"2"' })
    t.equal(suspended.status, 200, suspended.text)
    t.equal((await exchange(identity, session, { resource: IN, org_id: 'acme' })).body['error'], 'invalid_target')
    const told = await ask(identity, `SELECT version FROM revocation WHERE subject = $1 ORDER BY version`, [id])
    t.strictSame(
      told.map(({ version }) => version),
      [2, 3],
      'the region is told of each version',
    )
    t.equal((await patch({ status: 'active', display_name: 'Linnea' }, { 'if-match': '"3"' })).status, 200)
    t.equal((await call(identity, ada, 'DELETE', `${ACME}/${id}`, undefined, { 'if-match': '"3"' })).status, 412)
    t.equal((await call(identity, ada, 'DELETE', `${ACME}/${id}`, undefined, { 'if-match': '"4"' })).status, 204)
    const gone = { status: 404, error: 'not_found' }
    await refuses(t, identity, 'read', () => call(identity, ada, 'GET', `${ACME}/${id}`), gone)
    await refuses(t, identity, 'brought back', () => patch({ status: 'active' }, { 'if-match': '*' }), gone)
    t.strictSame(await eventsOf(identity, 'membership'), [
      'membership.role_changed success',
      'membership.suspended success',
      'membership.resumed success',
      'membership.renamed success',
      'membership.removed success',
    ])
    const [events] = await ask(
      identity,
      `SELECT string_agg(e::text, '') AS text FROM audit_event e WHERE kind LIKE 'membership.%'`,
    )
    t.notMatch(String(events?.['text']), /Linnea|lin@/, 'and names nobody')
  },
)

t.test('who is no manager there changes nothing, and a sys-admin least of all', async (t) => {
  const { identity } = await common
  await makeSysAdmin(identity)
  const { id } = await lin(identity)
  const denied = { status: 403, error: 'access_denied' }
  for (const email of [
    'lin@acme.test',
    'sam@both.test',
    'max@globex.test',
    'nobody@example.test',
    'root@example.test',
  ]) {
    const token = await tokenOf(identity, email)
    await refuses(t, identity, `${email} lists`, () => call(identity, token, 'GET', ACME), denied)
    await refuses(t, identity, `${email} reads`, () => call(identity, token, 'GET', `${ACME}/${id}`), denied)
    const patch = () => call(identity, token, 'PATCH', `${ACME}/${id}`, { role: 'manager' }, { 'if-match': '*' })
    await refuses(t, identity, `${email} promotes`, patch, denied)
    await refuses(t, identity, `${email} removes`, () => call(identity, token, 'DELETE', `${ACME}/${id}`), denied)
  }
})

t.test('a role that is not in the catalogue, and fields that are not theirs, are refused', async (t) => {
  const { identity, ada } = await common
  const { id } = await lin(identity)
  const invalid = { status: 400, error: 'invalid_request' }
  for (const payload of [
    { role: 'admin' },
    { role: 'sys_admin' },
    { status: 'removed' },
    { version: 7 },
    { user_id: id },
    { region: 'us' },
    { role: { not: 'manager' } },
    { display_name: 'a\u202eb' },
    {},
  ]) {
    const patch = () => call(identity, ada, 'PATCH', `${ACME}/${id}`, payload, { 'if-match': '*' })
    await refuses(t, identity, JSON.stringify(payload), patch, invalid)
  }
})

t.test('a manager who is one no more is refused at once', async (t) => {
  const { identity, ada } = await withManager(t)
  await addMember(identity, 'bea@acme.test', { org: 'acme', region: 'in', role: 'manager' })
  const bea = await tokenOf(identity, 'bea@acme.test')
  const { id } = await membershipOf(identity, 'ada@acme.test', 'acme', 'in')
  t.equal((await call(identity, bea, 'PATCH', `${ACME}/${id}`, { role: 'viewer' }, { 'if-match': '*' })).status, 200)
  t.equal((await call(identity, ada, 'GET', ACME)).status, 403)
})

t.test('a person sees, names and leaves their own memberships, and no others', async (t) => {
  const { identity } = await withManager(t)
  const sam = await tokenOf(identity, 'sam@both.test')
  const { memberships } = (await call(identity, sam, 'GET', '/v1/me/memberships')).body
  t.strictSame(
    memberships.map(({ org, region }: { org: { slug: string }; region: string }) => `${org.slug} ${region}`),
    ['acme in', 'globex us'],
  )
  const [{ id }] = memberships
  const renamed = await call(identity, sam, 'PATCH', `/v1/me/memberships/${id}`, { display_name: 'Samuel' })
  t.equal(renamed.body['display_name'], 'Samuel', renamed.text)
  t.equal(renamed.body['version'], 1, 'a name is no matter for tokens')
  const missing = { status: 404, error: 'not_found' }
  const other = (await lin(identity)).id
  for (const method of ['PATCH', 'DELETE'] as const) {
    const payload = method === 'PATCH' ? { display_name: 'X' } : undefined
    const send = () => call(identity, sam, method, `/v1/me/memberships/${other}`, payload)
    await refuses(t, identity, `${method} of another person's`, send, missing)
  }
  t.equal((await call(identity, sam, 'DELETE', `/v1/me/memberships/${id}`)).status, 204)
  await refuses(t, identity, 'left twice', () => call(identity, sam, 'DELETE', `/v1/me/memberships/${id}`), missing)
  t.equal((await exchange(identity, sam, { resource: IN, org_id: 'acme' })).body['error'], 'invalid_target')
  t.equal((await exchange(identity, sam, { resource: US, org_id: 'globex' })).status, 200, 'the other one stays')
})

t.test('the only manager of an organization stays, whichever way they try to go', async (t) => {
  const { identity, ada } = await common
  const { id } = await membershipOf(identity, 'ada@acme.test', 'acme', 'in')
  const last = { status: 409, error: 'last_manager' }
  const patch = (payload: object) => () => call(identity, ada, 'PATCH', `${ACME}/${id}`, payload, { 'if-match': '*' })
  await refuses(t, identity, 'demotion', patch({ role: 'viewer' }), last)
  await refuses(t, identity, 'suspension', patch({ status: 'suspended' }), last)
  await refuses(t, identity, 'removal', () => call(identity, ada, 'DELETE', `${ACME}/${id}`), last)
  await refuses(t, identity, 'leaving', () => call(identity, ada, 'DELETE', `/v1/me/memberships/${id}`), last)
  t.strictSame(await eventsOf(identity, 'membership'), [
    'membership.role_changed refused',
    'membership.suspended refused',
    'membership.removed refused',
    'membership.left refused',
  ])
})

t.test('the catalogue of roles is everybody’s to read', async (t) => {
  const { identity } = await common
  const token = await tokenOf(identity, 'nobody@example.test')
  const { roles } = (await call(identity, token, 'GET', '/v1/roles')).body
  t.strictSame(
    roles.map(({ role }: { role: string }) => role),
    ['manager', 'member', 'viewer'],
  )
  t.strictSame(roles[2].permissions, ['records:read', 'organization:read'])
})
