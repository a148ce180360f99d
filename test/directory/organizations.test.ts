// Organizations over the API: who sees what of one, who sets which field, and that a change is made whole or not at all.
import { permissionsOf } from '@meridian/protocol/roles'
import t, { type Test } from 'tap'
import { dumpOf } from '../support/database-dump.ts'
import { embeddedPlace, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { exchange, IN, idempotencyKey, signIn, startIdentity } from '../support/identity.ts'
import { addMember } from '../support/members.ts'
import { lockManagersOf, newOrganization, orgIdOf, signInToAsk, sysAdminToAsk } from '../support/organizations.ts'
import { ask, fire, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'

t.setTimeout(100_000)

async function start(t: Test, place?: Place, instances = 1) {
  const identity = await startIdentity(t, place ?? (await embeddedPlace('identity')), {
    settings: UNHURRIED,
    instances,
  })
  const root = await sysAdminToAsk(identity)
  const ada = await signInToAsk(identity, 'ada@acme.test')
  return { identity, root, ada }
}

const DENIED = { status: 403, error: 'access_denied' }
const CONFLICT = { status: 409, error: 'conflict' }

t.test('people see what concerns them, sys-admins data and counts, and nobody else anything', async (t) => {
  const { identity, root, ada } = await start(t)
  const lin = await signInToAsk(identity, 'lin@acme.test')
  const max = await signInToAsk(identity, 'max@globex.test')
  const shared = {
    slug: 'acme',
    name: 'Acme',
    status: 'active',
    regions: ['in', 'us'],
    home_region: 'in',
    settings: {},
  }

  const manager = (await ada('GET', '/v1/orgs/acme')).body
  t.match(manager, { ...shared, primary_contact: { name: 'Contact', email: 'contact@example.test' } })
  t.strictSame(
    manager['standing'],
    [
      { region: 'in', role: 'manager', permissions: permissionsOf('manager'), manages: true },
      { region: 'us', role: 'viewer', permissions: permissionsOf('viewer'), manages: true },
    ],
    'nobody manages `us`, so any manager does, with no more rights in it than their own role has',
  )
  t.notOk(Object.hasOwn(manager, 'administration'))

  const member = (await lin('GET', '/v1/orgs/acme')).body
  t.match(member, { ...shared, standing: [{ region: 'in', role: 'member', manages: false }] })
  t.strictSame(Object.keys(member).sort(), [...Object.keys(shared), 'id', 'standing', 'version'].sort())

  const { body, text } = await root('GET', `/v1/orgs/${manager['id']}`)
  t.match(body, { ...shared, administration: { subscription_tier: 'standard', counts: null, purged_at: null } })
  t.notOk(Object.hasOwn(body, 'standing'))
  const people = await ask(identity, `SELECT id::text, email, name FROM user_account WHERE email LIKE '%@acme.test'`)
  for (const { id, email } of people) t.notOk(text.includes(String(id)) || text.includes(String(email)), 'no people')

  const foreign = await max('GET', '/v1/orgs/acme')
  const unknown = await max('GET', '/v1/orgs/no-such-thing')
  const withoutId = ({ text }: { text: string }) => text.replace(/"request_id":"[^"]+"/, '')
  t.equal(foreign.status, 403)
  t.equal(withoutId(foreign), withoutId(unknown), 'foreign and unknown are the same bytes')
})

t.test('what somebody acts on for want of a manager is told apart from their own role', async (t) => {
  const { identity, ada } = await start(t)
  const inUs = async () => {
    const { standing } = (await ada('GET', '/v1/orgs/acme')).body
    return standing.find(({ region }: Record<string, string>) => region === 'us')
  }
  await ask(
    identity,
    `UPDATE membership m SET status = 'removed' FROM user_account u
      WHERE u.id = m.user_id AND u.email = 'ada@acme.test' AND m.region = 'us'`,
  )
  t.strictSame(await inUs(), { region: 'us', role: null, permissions: [], manages: true })
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  t.equal(await inUs(), undefined, 'somebody manages it: it is theirs')
})

t.test('sys-admins find organizations by what their name or slug begins with, page by page', async (t) => {
  const { root } = await start(t)
  for (const slug of ['acorn', 'zeta', 'percent']) await root('POST', '/v1/orgs', newOrganization(slug))
  await root('PATCH', '/v1/orgs/zeta', { name: 'ACME Zeta' })
  await root('PATCH', '/v1/orgs/percent', { name: '100%_Sure' })
  await root('DELETE', '/v1/orgs/acorn')
  const slugs = async (query: string) =>
    (await root('GET', `/v1/orgs?${query}`)).body['orgs'].map(({ slug }: { slug: string }) => slug)
  t.strictSame(await slugs('search=AC'), ['acme', 'acorn', 'zeta'])
  t.strictSame(await slugs('search=ac&status=active'), ['acme', 'zeta'])
  t.strictSame(await slugs('status=deleted'), ['acorn'])
  t.strictSame(await slugs('search=%25'), [], 'a wildcard is a character')
  t.strictSame(await slugs('search=100%25_'), ['percent'])
  const seen: string[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await root('GET', `/v1/orgs?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    seen.push(...body['orgs'].map(({ slug }: { slug: string }) => slug))
    cursor = body['next_cursor']
  }
  t.strictSame(seen, ['acme', 'globex', 'acorn', 'zeta', 'percent'], 'each once, oldest first')
})

t.test('each field is set by those whose it is, and a field of somebody else’s refuses the whole change', async (t) => {
  const { identity, root, ada } = await start(t)
  const lin = await signInToAsk(identity, 'lin@acme.test')
  const contact = { name: 'Neu', email: 'neu@example.test' }
  const managers = {
    name: 'Acme 2',
    primary_contact: contact,
    settings: { locale: 'en-IN', time_zone: 'Asia/Kolkata' },
  }
  const operators = { subscription_tier: 'premium', data_placement: 'dedicated-1', home_region: 'us' }
  for (const [field, value] of Object.entries(operators)) {
    const patch = { name: 'Taken over', [field]: value }
    await refuses(t, identity, `a manager: ${field}`, () => ada('PATCH', '/v1/orgs/acme', patch), DENIED)
  }
  const settings = { name: 'Taken over', settings: { locale: 'en' } }
  await refuses(t, identity, 'a sys-admin: settings', () => root('PATCH', '/v1/orgs/acme', settings), DENIED)
  await refuses(t, identity, 'a member', () => lin('PATCH', '/v1/orgs/acme', { name: 'Mine' }), DENIED)

  const before = (await ada('GET', '/v1/orgs/acme')).headers['etag']
  const changed = await ada('PATCH', '/v1/orgs/acme', managers, { 'if-match': String(before) })
  t.equal(changed.status, 200, changed.text)
  t.match(changed.body, managers)
  t.not(changed.headers['etag'], before)
  const stale = () => ada('PATCH', '/v1/orgs/acme', { name: 'Late' }, { 'if-match': String(before) })
  await refuses(t, identity, 'what was read before', stale, { status: 412, error: 'precondition_failed' })
  const unread = () => ada('PATCH', '/v1/orgs/acme', { name: 'Late' }, { 'if-match': null })
  await refuses(t, identity, 'unread', unread, { status: 428, error: 'precondition_required' })

  const { home_region, ...placed } = operators
  const set = (await root('PATCH', '/v1/orgs/acme', operators)).body
  t.match(set, { ...managers, home_region, administration: placed })
  await ada('PATCH', '/v1/orgs/acme', { settings: { time_zone: null } })
  const left = (await ada('GET', '/v1/orgs/acme')).body['settings']
  t.strictSame(left, { locale: 'en-IN' }, 'settings that are not named stay')
  const mars = () => root('PATCH', '/v1/orgs/acme', { home_region: 'mars' })
  await refuses(t, identity, 'a region where it is not', mars, { status: 422, error: 'unknown_region' })
  const malformed = [
    ...[{}, { unknown: 1 }, { name: '' }, { name: 'a\u0000b' }, { name: 'x'.repeat(121) }, { slug: 'other' }],
    ...[
      { primary_contact: { name: 'x' } },
      { settings: { locale: 'xx-invalid-' } },
      { settings: { time_zone: 'Mars/1' } },
    ],
    ...[
      { settings: { branding: { colour: 'red' } } },
      { settings: { branding: { logo_url: 'https://x.test/a.png' } } },
    ],
    ...[{ settings: { branding: { logo: 'f'.repeat(64) } } }, { status: 'deleted' }, { version: 1 }],
  ]
  for (const patch of malformed) {
    const request = () => ada('PATCH', '/v1/orgs/acme', patch)
    await refuses(t, identity, JSON.stringify(patch).slice(0, 60), request, { status: 400, error: 'invalid_request' })
  }
  const events = await ask(identity, `SELECT details FROM audit_event WHERE kind = 'organization.changed' ORDER BY id`)
  t.equal(events.length, 3)
  t.match(events[1]?.['details'], { after: { home_region: 'us', subscription_tier: 'premium' } })
  t.notMatch(JSON.stringify(events), /Neu|neu@|Acme 2/, 'no names, no addresses')
})

t.test('writing as a sys-admin, and another slug, need a recent sign-in', async (t) => {
  const settings = { ...UNHURRIED, stepUpMaxAgeSeconds: 60 }
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const root = await sysAdminToAsk(identity)
  const ada = await signInToAsk(identity, 'ada@acme.test')
  await shiftClock(identity.db, 120)
  const stepUp = { status: 401, error: 'insufficient_user_authentication' }
  for (const [title, request] of [
    ['provisioning', () => root('POST', '/v1/orgs', newOrganization('initech'))],
    ['a change', () => root('PATCH', '/v1/orgs/acme', { name: 'Late' })],
    ['a slug', () => root('PUT', '/v1/orgs/acme/slug', { slug: 'late' })],
    ['a slug, by a manager', () => ada('PUT', '/v1/orgs/acme/slug', { slug: 'late' })],
    ['a state', () => root('PUT', '/v1/orgs/acme/status', { status: 'suspended' })],
    ['deletion', () => root('DELETE', '/v1/orgs/acme')],
    ['restoring', () => root('POST', '/v1/orgs/acme/restore')],
    ['a region', () => root('PUT', '/v1/orgs/globex/regions/in')],
    ['a withdrawal', () => root('DELETE', '/v1/orgs/acme/regions/us')],
    ['a manager', () => root('POST', '/v1/orgs/acme/first-manager', { name: 'E', email: 'e@e.test' })],
  ] as const) {
    await refuses(t, identity, title, request, stepUp)
  }
  t.equal((await root('GET', '/v1/orgs/acme')).status, 200, 'reading does not')
  t.equal((await ada('PATCH', '/v1/orgs/acme', { name: 'Still Acme' })).status, 200, 'nor does a manager’s change')
})

t.test('a licence is part of provisioning, by the same rules, and refused it leaves nothing', async (t) => {
  const { identity, root } = await start(t)
  const made = await root('POST', '/v1/orgs', { ...newOrganization('initech'), modules: ['records', 'reports'] })
  t.equal(made.status, 201, made.text)
  const held = await ask(identity, `SELECT module, enabled FROM entitlement WHERE org_id = $1::uuid ORDER BY module`, [
    made.body['id'],
  ])
  t.strictSame(
    held.map(({ module, enabled }) => [module, enabled]),
    [
      ['records', true],
      ['reports', true],
    ],
  )
  const before = await dumpOf(identity)
  const lacking = await root('POST', '/v1/orgs', { ...newOrganization('umbrella'), modules: ['insights', 'records'] })
  t.match(lacking, {
    status: 409,
    body: { code: 'ENHANCEMENT_REQUIRES_STANDALONE', module: 'insights', missing: ['calendar'] },
  })
  const unknown = await root('POST', '/v1/orgs', { ...newOrganization('umbrella'), modules: ['records', 'nothing'] })
  t.match(unknown, { status: 422, body: { code: 'INVALID_MODULE', module: 'nothing' } })
  const twice = await root('POST', '/v1/orgs', { ...newOrganization('umbrella'), modules: ['records', 'records'] })
  t.equal(twice.status, 400)
  t.equal(await dumpOf(identity), before)
  await ask(identity, `UPDATE user_account SET status = 'disabled' WHERE email = 'nobody@example.test'`)
  const locked = () => root('POST', '/v1/orgs', newOrganization('umbrella', 'nobody@example.test'))
  await refuses(t, identity, 'a first manager who is locked out', locked, CONFLICT)
})

t.test('a sys-admin makes somebody manager only where nobody manages', async (t) => {
  const { identity, root, ada } = await start(t)
  const globex = await orgIdOf(identity, 'globex')
  const eve = { name: 'Eve', email: 'eve@globex.test' }
  const add = (person = eve, key = {}) => root('POST', `/v1/orgs/${globex}/first-manager`, person, key)
  const present = { status: 409, error: 'manager_present' }
  await refuses(t, identity, 'somebody manages it', () => add(), present)
  await root('PUT', `/v1/orgs/${globex}/status`, { status: 'suspended' })
  await refuses(t, identity, 'somebody does, though it is suspended', () => add(), present)
  await lockManagersOf(identity, globex)
  const open = () => root('PUT', `/v1/orgs/${globex}/status`, { status: 'active' })
  await refuses(t, identity, 'opened without a manager', open, CONFLICT)
  await refuses(t, identity, 'a sys-admin', () => add({ name: 'R', email: 'root@example.test' }), {
    status: 409,
    error: 'sys_admin_cannot_be_member',
  })
  await refuses(t, identity, 'a manager', () => ada('POST', `/v1/orgs/${globex}/first-manager`, eve), DENIED)
  // Sam is a member there already.
  const key = { 'idempotency-key': idempotencyKey() }
  const sam = { name: 'Sam', email: 'sam@both.test' }
  const added = await add(sam, key)
  t.equal(added.status, 201, added.text)
  t.strictSame((await add(sam, key)).body, added.body, 'a repeat is answered again')
  const mails = (await identity.mailTo('sam@both.test')).filter(({ subject }) => subject.includes('You manage'))
  t.equal(mails.length, 1, 'and they are told, once')
  await refuses(t, identity, 'a second one', () => add(), present)
  t.equal((await open()).status, 200)
  const asSam = await signInToAsk(identity, 'sam@both.test')
  t.match((await asSam('GET', '/v1/orgs/globex')).body, { standing: [{ region: 'us', role: 'manager' }] })
  const [event] = await ask(
    identity,
    `SELECT details FROM audit_event WHERE kind = 'organization.first_manager_added' AND outcome = 'refused' ORDER BY id LIMIT 1`,
  )
  t.match(event?.['details'], { code: 'manager_present' }, 'that it was tried is recorded')
})

await onPostgresql(t, 'of two first managers at once one is', async (t, makePlace) => {
  const { identity, root } = await start(t, await makePlace('identity'), 2)
  const org = (await root('POST', '/v1/orgs', newOrganization('initech'))).body['id']
  for (let round = 0; round < 3; round += 1) {
    await ask(identity, `UPDATE organization SET status = 'suspended' WHERE id = $1::uuid`, [org])
    await lockManagersOf(identity, org)
    const token = (await signIn(identity, 'root@example.test')).body['access_token']
    const replies = await fire(
      identity,
      [0, 1, 2, 3].map(
        (person) =>
          ({ inject }) =>
            inject({
              method: 'POST',
              url: `/v1/orgs/${org}/first-manager`,
              headers: { authorization: `Bearer ${token}` },
              payload: { name: 'New', email: `new-${round}-${person}@initech.test` },
            }),
      ),
    )
    t.strictSame(replies.map(({ status }) => status).sort(), [201, 409, 409, 409])
  }
  const strangers = await ask(identity, `SELECT FROM user_account WHERE email LIKE 'new-%@initech.test'`)
  t.equal(strangers.length, 3, 'whoever was too late is no user either')
})

t.test('a token speaks for the organization as it is at each mint', async (t) => {
  const { identity, root } = await start(t)
  const account = (await signIn(identity, 'lin@acme.test')).body['access_token']
  const mint = async () => (await exchange(identity, account, { resource: IN, org_id: 'acme' })).status
  t.equal(await mint(), 200)
  for (const [method, path, payload, expected] of [
    ['PUT', '/status', { status: 'maintenance' }, 200],
    ['PUT', '/status', { status: 'suspended' }, 400],
    ['PUT', '/status', { status: 'active' }, 200],
    ['DELETE', '', undefined, 400],
    ['POST', '/restore', undefined, 200],
    ['PATCH', '', { home_region: 'us' }, 200],
    ['PUT', '/regions/us', undefined, 200],
  ] as const) {
    t.equal((await root(method, `/v1/orgs/acme${path}`, payload)).status, 200, `${method} ${path}`)
    t.equal(await mint(), expected, `${method} ${path} ${JSON.stringify(payload)}`)
  }
})
