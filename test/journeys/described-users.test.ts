// A sys-admin among people: looks one up, locks and unlocks, appoints and dismisses, held to the description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { changeAddress } from '../support/email-change.ts'
import { type IdentityUnderTest, idempotencyKey, makeSysAdmin } from '../support/identity.ts'
import { call, tokenOf } from '../support/members.ts'

const NEW = { email: 'second@example.test', name: 'Second' }
const NOBODY = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
const LOCK = { status: 'disabled', reason: 'abuse' }

async function walk(identity: IdentityUnderTest): Promise<void> {
  await makeSysAdmin(identity)
  const root = await tokenOf(identity, 'root@example.test')
  const lin = await tokenOf(identity, 'lin@acme.test')
  const find = async (email: string) => (await call(identity, root, 'GET', `/v1/users?email=${email}`)).body['users']
  const setStatus = (id: string, payload: object, headers: Record<string, string> = { 'if-match': '*' }) =>
    call(identity, root, 'PUT', `/v1/users/${id}/status`, payload, headers)
  const [{ id: linId }] = await find('lin@acme.test')
  const [{ id: adaId }] = await find('ada@acme.test')
  await find('unknown@acme.test')
  await call(identity, root, 'GET', '/v1/users?email=x')
  const read = await call(identity, root, 'GET', `/v1/users/${linId}`)
  await call(identity, root, 'GET', `/v1/users/${NOBODY}`)
  await setStatus(linId, LOCK, { 'if-match': String(read.headers['etag']) })
  await setStatus(linId, LOCK, { 'if-match': '"1"' })
  await setStatus(linId, LOCK, {})
  await setStatus(linId, { status: 'active', reason: 'resolved' })
  await setStatus(adaId, LOCK)
  await setStatus(linId, { status: 'deleted' })
  await setStatus(linId, { status: 'x'.repeat(300_000) })
  await call(identity, root, 'PUT', `/v1/users/${linId}/status`, 'x', { 'content-type': 'text/plain' })
  await call(identity, root, 'GET', `/v1/users/${'x'.repeat(300)}`)

  const appoint = (payload: object, headers = {}) => call(identity, root, 'POST', '/v1/sys-admins', payload, headers)
  const key = { 'idempotency-key': idempotencyKey() }
  const appointed = await appoint(NEW, key)
  await appoint({ ...NEW, name: 'Third' }, key)
  await appoint(NEW)
  await appoint({ ...NEW, email: 'lin@acme.test' })
  await changeAddress(identity, 'sam@both.test', 'sam.new@both.test')
  await appoint({ ...NEW, email: 'sam@both.test' })
  await call(identity, root, 'GET', '/v1/sys-admins?limit=1')
  const url = `/v1/sys-admins/${appointed.body['id']}`
  await call(identity, root, 'DELETE', url)
  await call(identity, root, 'DELETE', url)
  const { sys_admins: left } = (await call(identity, root, 'GET', '/v1/sys-admins')).body
  await call(identity, root, 'DELETE', `/v1/sys-admins/${left[0].id}`)
  await call(identity, lin, 'GET', '/v1/sys-admins')
  await call(identity, await tokenOf(identity, 'lin@acme.test'), 'GET', '/v1/sys-admins')
  await identity.inject({ method: 'GET', url: '/v1/sys-admins' })
  await shiftClock(identity.db, 400)
  for (const request of [find('lin@acme.test'), setStatus(linId, LOCK), appoint(NEW)]) await request
}

t.test('people are looked up, locked and appointed as described', (t) =>
  walkArea(t, 'Users', walk, { settings: { stepUpMaxAgeSeconds: 300 } }),
)
