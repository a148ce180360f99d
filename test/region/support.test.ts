// Support access in a region: whoever was let in from outside is told apart from a member, reads unless more was agreed,
// and is gone when the organization ends it.
import { regionContextSchema } from '@meridian/protocol/me'
import t from 'tap'
import { idOf } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'
import { startRegion } from './region-service.ts'

const GRANT = idOf('a support grant')
const ROOT = idOf('root')
const SUPPORT = { sub: GRANT, mid: GRANT, mv: 2, act: { sub: ROOT }, role: 'viewer' }
const RECORD = { title: 'Plan', body: 'Grow' }

const region = await startRegion(t, await embeddedPlace('region'))

t.test('support reads, and changes nothing', async (t) => {
  const record = await region.as()('POST', '/v1/records', { payload: RECORD })
  const { id } = record.json<{ id: string }>()
  const call = region.as(SUPPORT)
  t.equal((await call('GET', '/v1/records')).statusCode, 200)
  t.equal((await call('GET', `/v1/records/${id}`)).statusCode, 200)
  const headers = { 'if-match': '*' }
  for (const [method, url, payload] of [
    ['POST', '/v1/records', RECORD],
    ['PATCH', `/v1/records/${id}`, { title: 'Other' }],
    ['DELETE', `/v1/records/${id}`, undefined],
  ] as const) {
    const answer = await call(method, url, { payload, headers })
    t.match(answer.json(), { status: 403, code: 'access_denied' }, `${method} ${url}`)
  }
  t.match((await region.as()('GET', `/v1/records/${id}`)).json(), { ...RECORD, version: 1 })
})

t.test('its context says what it is, and its log who acts', async (t) => {
  const answer = await region.as(SUPPORT)('GET', '/v1/me/context')
  t.strictSame(regionContextSchema.parse(answer.json()), {
    user_id: GRANT,
    org_id: idOf('acme'),
    region: 'in',
    role: 'viewer',
    permissions: ['records:read', 'organization:read'],
    support: true,
  })
  t.match(region.lines.at(-1), `"actor_id":"${ROOT}"`)
  await region.as()('GET', '/v1/me/context')
  t.notMatch(region.lines.at(-1), 'actor_id', 'nobody acts for a member')
})

t.test('with leave to write it acts as a member, and what it made is the grant’s', async (t) => {
  const made = await region.as({ ...SUPPORT, role: 'member' })('POST', '/v1/records', { payload: RECORD })
  t.match(made.json(), { created_by: GRANT })
})

t.test('claims that no support access has are refused', async (t) => {
  for (const [title, changes] of [
    ['a manager', { role: 'manager' }],
    ['a subject that is not the grant', { sub: idOf('ada') }],
    ['somebody who acts by a membership', { mid: idOf('ada in acme') }],
    ['an actor who is no id', { act: { sub: 'root' } }],
    ['an actor of an actor', { act: { sub: ROOT, act: { sub: ROOT } } }],
    ['no actor', { act: {} }],
    ['an actor in text', { act: ROOT }],
  ] as const) {
    const answer = await region.as({ ...SUPPORT, ...changes })('GET', '/v1/records')
    t.match(answer.json(), { status: 401, code: 'invalid_token' }, title)
  }
})

t.test('ended, it is refused from the next request on', async (t) => {
  const call = region.as(SUPPORT)
  t.equal((await call('GET', '/v1/records')).statusCode, 200)
  region.deps.revocations.apply({ kind: 'membership', mid: GRANT as never, version: 3 })
  t.match((await call('GET', '/v1/records')).json(), { status: 401, code: 'invalid_token' })
})
