// Who sees what of the audit: an organization what concerns it, and of that nobody what is another's.
import t from 'tap'
import { recordAudit } from '../../services/identity/src/audit/record.ts'
import { eachEngine, embeddedPlace } from '../support/databases.ts'
import {
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  makeSysAdmin,
  signIn,
  startIdentity,
  US,
} from '../support/identity.ts'
import { addMember } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { refuses } from '../support/refusal.ts'
import { happen, idOfOrg } from './chained-identity.ts'

t.setTimeout(180_000)

type Listed = {
  id: string
  kind: string
  region: string | null
  actor: { kind: string; id: string | null }
  [name: string]: unknown
}

const start = async (...[t, place]: Parameters<typeof startIdentity>) =>
  startIdentity(t, place, { settings: UNHURRIED })
const tokenOf = async (identity: IdentityUnderTest, email: string): Promise<string> =>
  (await signIn(identity, email)).body['access_token']

async function list(identity: IdentityUnderTest, token: string, url: string): Promise<readonly Listed[]> {
  const reply = await identity.get(url, token)
  if (reply.status !== 200) throw new Error(`${url}: ${reply.text}`)
  return reply.body['events']
}

async function idOf(identity: IdentityUnderTest, email: string): Promise<string> {
  return String(
    (await ask(identity, 'SELECT id::text AS id FROM user_account WHERE email = $1::text', [email]))[0]?.['id'],
  )
}

const ORG = {
  slug: 'initech',
  name: 'Initech',
  primary_contact: { name: 'Peter', email: 'peter@initech.test' },
  regions: ['in'],
  first_manager: { name: 'Peter', email: 'peter@initech.test' },
}

await eachEngine(t, 'a manager sees their organization, page by page and filtered', async (t, place) => {
  const identity = await start(t, await place('identity'))
  const acme = await idOfOrg(identity, 'acme')
  const ada = await tokenOf(identity, 'ada@acme.test')
  await happen(identity, acme, 5)
  const lin = await tokenOf(identity, 'lin@acme.test')
  await exchange(identity, lin, { resource: IN, org_id: 'acme' })
  await exchange(identity, ada, { resource: IN, org_id: 'acme' })
  const all = await list(identity, ada, '/v1/orgs/acme/audit?limit=100')
  t.equal(all.filter(({ kind }) => kind === 'context.chosen').length, 5)
  t.match(all[0], { kind: 'context.first_token', actor: { kind: 'person', id: await idOf(identity, 'ada@acme.test') } })
  t.match(all[0], { ip: '127.0.0.1', region: 'in', org_id: acme, client_id: 'native', seq: null })
  const paged: Listed[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const next: string = cursor === '' ? '' : `&cursor=${cursor}`
    const { body } = await identity.get(`/v1/orgs/${acme}/audit?limit=2${next}`, ada)
    paged.push(...body['events'])
    cursor = body['next_cursor']
  }
  t.strictSame(paged, all, 'the pages are the list')
  const found = async (query: string) =>
    (await list(identity, ada, `/v1/orgs/acme/audit?${query}`)).map(({ kind }) => kind)
  const linId = await idOf(identity, 'lin@acme.test')
  t.strictSame(await found(`actor=${linId}`), ['context.first_token'])
  t.strictSame(await found('kind=context.first_token'), ['context.first_token', 'context.first_token'])
  t.equal((await found('kind=context')).length, 7)
  t.strictSame(await found('kind=cont'), [])
  t.strictSame(await found('outcome=refused'), [])
  t.strictSame(await found('to=2020-01-01T00:00:00Z'), [])
  t.equal((await found('kind=context&from=2020-01-01T00:00:00%2B01:00')).length, 7)
  const unknownTimes = ['from=yesterday', 'from=0000-01-01T00:00:00Z', 'to=2020-01-01T00:00:00%2B23:59']
  for (const query of ['kind=context%25', 'kind=%25', 'limit=101', 'actor=1', 'org=globex', ...unknownTimes])
    t.equal((await identity.get(`/v1/orgs/acme/audit?${query}`, ada)).body['code'], 'invalid_request', query)
})

t.test('a manager of one region sees it and what concerns the whole, not what is managed elsewhere', async (t) => {
  const identity = await start(t, await embeddedPlace('identity'))
  const acme = await idOfOrg(identity, 'acme')
  const ada = await tokenOf(identity, 'ada@acme.test')
  await ask(
    identity,
    `UPDATE membership m SET role = 'manager' FROM user_account u WHERE u.id = m.user_id AND u.email = 'lin@acme.test'`,
  )
  for (const region of ['in', 'us', null])
    await recordAudit(identity.db, identity.deps.makeId, 'membership.renamed', {
      outcome: 'success',
      requestId: 'r',
      orgId: acme,
      region,
    })
  const regions = async (token: string) =>
    (await list(identity, token, '/v1/orgs/acme/audit?kind=membership')).map(({ region }) => region)
  t.strictSame(await regions(ada), [null, 'us', 'in'], 'nobody manages us: managers of in do')
  await ask(
    identity,
    `INSERT INTO membership (id, user_id, org_id, region, role, status)
      SELECT gen_random_uuid(), u.id, $1::uuid, 'us', 'manager', 'active' FROM user_account u WHERE u.email = 'sam@both.test'`,
    [acme],
  )
  t.strictSame(await regions(ada), [null, 'in'])
  t.strictSame(await regions(await tokenOf(identity, 'sam@both.test')), [null, 'us'])
})

t.test('who is not of the organization is not shown to it, and is no use as a filter', async (t) => {
  const identity = await start(t, await embeddedPlace('identity'))
  await makeSysAdmin(identity)
  const root = await tokenOf(identity, 'root@example.test')
  await identity.inject({
    method: 'POST',
    url: '/v1/orgs',
    payload: ORG,
    headers: { authorization: `Bearer ${root}`, 'idempotency-key': idempotencyKey() },
  })
  const peter = await tokenOf(identity, 'peter@initech.test')
  const url = '/v1/orgs/initech/audit'
  const [created] = await list(identity, peter, `${url}?kind=organization.created`)
  t.match(created, { actor: { kind: 'sys_admin', id: null }, ip: null, session_id: null, client_id: null })
  t.strictSame(await list(identity, peter, `${url}?actor=${await idOf(identity, 'root@example.test')}`), [])
  const initech = await idOfOrg(identity, 'initech')
  const max = await idOf(identity, 'max@globex.test')
  await recordAudit(identity.db, identity.deps.makeId, 'invitation.declined', {
    outcome: 'success',
    requestId: 'r',
    ip: '192.0.2.9',
    actorUserId: max,
    orgId: initech,
  })
  const [declined] = await list(identity, peter, `${url}?kind=invitation`)
  t.match(declined, { actor: { kind: 'person', id: null }, ip: null })
  t.strictSame(await list(identity, peter, `${url}?actor=${max}`), [])
  t.notMatch((await identity.get(url, peter)).text, new RegExp(`${max}|192\\.0\\.2\\.9`))
})

await eachEngine(
  t,
  'nothing of another organization is in an audit, whatever somebody does in both',
  async (t, place) => {
    const identity = await start(t, await place('identity'))
    const ada = await tokenOf(identity, 'ada@acme.test')
    const max = await tokenOf(identity, 'max@globex.test')
    const sam = await tokenOf(identity, 'sam@both.test')
    await exchange(identity, sam, { resource: IN, org_id: 'acme' })
    await exchange(identity, sam, { resource: US, org_id: 'globex' })
    await exchange(identity, max, { resource: IN, org_id: 'acme' })
    await identity.get('/v1/orgs/globex/audit', ada)
    const [acme, globex] = [await idOfOrg(identity, 'acme'), await idOfOrg(identity, 'globex')]
    for (const [token, own, foreign, stranger] of [
      [ada, acme, globex, await idOf(identity, 'max@globex.test')],
      [max, globex, acme, await idOf(identity, 'ada@acme.test')],
    ] as const) {
      const { text, body } = await identity.get(`/v1/orgs/${own}/audit?limit=100`, token)
      t.ok(body['events'].length > 0)
      t.ok(body['events'].every((event: Listed) => event['org_id'] === own))
      t.notMatch(text, foreign, 'nor its id')
      t.notMatch(text, stranger, 'nor who tried')
      t.notMatch(text, /sign_in|session\./, 'nor how often its people sign in elsewhere')
      await refuses(t, identity, 'foreign', () => identity.get(`/v1/orgs/${foreign}/audit`, token), {
        status: 403,
        error: 'access_denied',
      })
    }
  },
)

await eachEngine(t, 'a cursor that is none of a list’s own events is refused, whosever it is', async (t, place) => {
  const identity = await start(t, await place('identity'))
  await makeSysAdmin(identity)
  const [ada, max] = [await tokenOf(identity, 'ada@acme.test'), await tokenOf(identity, 'max@globex.test')]
  const root = await tokenOf(identity, 'root@example.test')
  const eventIn = async (orgId: string | null, region: string | null) => {
    const id = identity.deps.makeId()
    const event = { outcome: 'success', requestId: 'r', orgId, region } as const
    await recordAudit(identity.db, () => id, 'membership.renamed', event)
    return id
  }
  const [acme, globex] = [await idOfOrg(identity, 'acme'), await idOfOrg(identity, 'globex')]
  await addMember(identity, 'una@acme.test', { org: 'acme', region: 'us', role: 'manager' })
  const [own, ofRegion] = [await eventIn(acme, 'in'), await eventIn(acme, 'us')]
  const [ofGlobex, ofPlatform] = [await eventIn(globex, null), await eventIn(null, null)]
  const unknown = identity.deps.makeId()
  const answer = async (token: string, url: string, cursor: string) => {
    const { status, text } = await identity.get(`${url}?cursor=${cursor}`, token)
    return `${status} ${text.replace(/"request_id":"[^"]+"/, '').replace(/"events".*/, '')}`
  }
  for (const [token, url, good, foreign] of [
    [ada, '/v1/orgs/acme/audit', own, [ofRegion, ofGlobex, ofPlatform]],
    [max, '/v1/orgs/globex/audit', ofGlobex, [own, ofRegion, ofPlatform]],
    [root, '/v1/audit', ofPlatform, [own, ofRegion, ofGlobex]],
  ] as const) {
    t.match(await answer(token, url, good), /^200/)
    const refused = await answer(token, url, unknown)
    t.match(refused, /^400 .*"code":"invalid_request".*cursor/)
    for (const cursor of foreign) t.equal(await answer(token, url, cursor), refused, url)
  }
})

t.test('sys-admins see the platform, and what was done to organizations as a whole', async (t) => {
  const identity = await start(t, await embeddedPlace('identity'))
  await makeSysAdmin(identity)
  const root = await tokenOf(identity, 'root@example.test')
  const acme = await idOfOrg(identity, 'acme')
  const lin = await tokenOf(identity, 'lin@acme.test')
  await exchange(identity, lin, { resource: IN, org_id: 'acme' })
  const linId = await idOf(identity, 'lin@acme.test')
  const manager = { actorUserId: linId, sessionId: null, clientId: 'native' }
  for (const kind of ['membership.removed', 'organization.changed', 'organization.slug_changed'] as const)
    await recordAudit(identity.db, identity.deps.makeId, kind, {
      outcome: 'success',
      requestId: 'r',
      orgId: acme,
      ...manager,
    })
  const events = await list(identity, root, '/v1/audit?limit=100')
  const kinds = new Set(events.map(({ kind }) => kind))
  t.ok(kinds.has('sign_in.succeeded') && kinds.has('sys_admin.appointed'))
  t.match(await list(identity, root, '/v1/audit?kind=sys_admin'), [{ actor: { kind: 'sys_admin' } }])
  t.notOk(kinds.has('context.first_token') || kinds.has('membership.removed') || kinds.has('organization.changed'))
  t.match(events[0], {
    kind: 'organization.slug_changed',
    org_id: acme,
    actor: { kind: 'person', id: null },
    client_id: null,
  })
  t.ok((await list(identity, root, `/v1/audit?actor=${linId}`)).every(({ kind }) => !kind.startsWith('organization.')))
  for (const url of ['/v1/audit', '/v1/audit/export'])
    await refuses(t, identity, url, () => identity.get(url, lin), { status: 403, error: 'access_denied' })
})
