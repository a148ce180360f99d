// `GET /v1/members`: who is in the token's organization here, for those who may know.
import { regionMemberPageSchema } from '@meridian/protocol/region-members'
import t from 'tap'
import { idOf } from '../resource-server/region-issuer.ts'
import { embeddedPlace } from '../support/databases.ts'
import { startCentre, startRegion } from './region-service.ts'

const ROLES = ['manager', 'member', 'viewer'] as const

const membership = (name: string, org: string, changes: object = {}) => ({
  kind: 'membership',
  id: idOf(`${name} in ${org}`),
  state: {
    user_id: idOf(name),
    org_id: idOf(org),
    role: 'member',
    status: 'active',
    display_name: null,
    version: 3,
    ...changes,
  },
})
const user = (name: string) => ({
  kind: 'user',
  id: idOf(name),
  state: { name, email: `${name}@example.test`, status: 'active' },
})

const centre = await startCentre(t)
const names = Array.from({ length: 23 }, (_, n) => `person ${n}`)
centre.feed = [
  user('ada'),
  membership('ada', 'acme', { role: 'manager' }),
  ...names.flatMap((name, n) => [
    ...(name === 'person 7' ? [] : [user(name)]),
    membership(name, 'acme', {
      role: ROLES[n % 3],
      status: n % 4 === 0 ? 'suspended' : 'active',
      display_name: n === 5 ? 'Fifth' : null,
    }),
  ]),
  user('max'),
  membership('max', 'globex', { role: 'manager' }),
]
const region = await startRegion(t, await embeddedPlace('region'), { centre })
await region.follow()
const ada = region.as()

async function all(query: string) {
  const found: string[] = []
  for (let cursor = ''; ; ) {
    const answer = await ada('GET', `/v1/members?${query}${cursor}`)
    const { members, next_cursor: next } = regionMemberPageSchema.parse(answer.json())
    found.push(...members.map(({ user_id: id, role, status, name }) => `${id} ${role} ${status} ${name}`))
    if (next === null) return found
    cursor = `&cursor=${next}`
  }
}

t.test('pages follow each other without gap or repetition', async (t) => {
  const whole = await all('limit=100')
  t.equal(whole.length, 24)
  for (const limit of [1, 5, 8, 24]) t.strictSame(await all(`limit=${limit}`), whole, `${limit}`)
  t.ok(whole.includes(`${idOf('person 5')} viewer active Fifth`), 'by the name that they have there')
  t.ok(whole.includes(`${idOf('person 7')} member active null`), 'also while the person is not known yet')
  t.notOk(
    whole.some((line) => line.includes(idOf('max'))),
    'nobody of another organization',
  )
})

t.test('by role and status', async (t) => {
  t.equal((await all('role=viewer')).length, 7)
  t.equal((await all('role=viewer&status=suspended&limit=1')).length, 2)
  t.equal((await all('status=active')).length, 18)
})

t.test('for managers, and of their own organization', async (t) => {
  for (const name of ['person 1', 'person 2']) {
    const role = name === 'person 1' ? 'member' : 'viewer'
    const call = region.as({ sub: idOf(name), mid: idOf(`${name} in acme`), role, sid: idOf(`${name}’s`) })
    t.match((await call('GET', '/v1/members')).json(), { status: 403, code: 'access_denied' }, role)
  }
  const max = region.as({ sub: idOf('max'), org_id: idOf('globex'), mid: idOf('max in globex'), sid: idOf('max’s') })
  t.match((await max('GET', '/v1/members')).json(), { members: [{ user_id: idOf('max') }], next_cursor: null })
})

t.test('what is not understood is refused', async (t) => {
  for (const query of ['limit=0', 'limit=101', 'role=owner', 'status=removed', 'cursor=x', 'org_id=1', 'search=a'])
    t.match((await ada('GET', `/v1/members?${query}`)).json(), { status: 400, code: 'invalid_request' }, query)
})

t.test('entries that make no sense are put aside, and hold up nobody', async (t) => {
  const odd = membership('person 3', 'acme', { role: 'emperor' })
  centre.feed.push(
    odd,
    { kind: 'hologram', id: 'x', state: {} },
    membership('person 9', 'acme', { display_name: 'Nine' }),
  )
  await region.follow()
  const whole = await all('limit=100')
  t.ok(whole.includes(`${idOf('person 3')} manager active person 3`), 'as it was')
  t.ok(whole.some((line) => line.endsWith('Nine')))
  await region.deps.stateReporter.refresh()
  t.match(centre.reports[0], { parked: 2, held: { organizations: 0, users: 24, memberships: 25 } })
  centre.feed.push(membership('person 3', 'acme', { display_name: 'Third' }))
  await region.follow()
  await region.deps.stateReporter.refresh()
  t.equal(centre.reports[0]?.parked, 1, 'until a better one comes')
})
