// What a person does with their own account, held to its description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { changeAddress } from '../support/email-change.ts'
import type { IdentityUnderTest } from '../support/identity.ts'
import { call, tokenOf } from '../support/members.ts'

async function walk(identity: IdentityUnderTest): Promise<void> {
  const ada = await tokenOf(identity, 'ada@acme.test')
  const lin = await tokenOf(identity, 'lin@acme.test')
  const me = await call(identity, lin, 'GET', '/v1/me')
  const rename = (headers: Record<string, string>, payload: object = { name: 'Lin Wu' }) =>
    call(identity, lin, 'PATCH', '/v1/me', payload, headers)
  await rename({ 'if-match': String(me.headers['etag']) })
  await rename({ 'if-match': String(me.headers['etag']) })
  await rename({})
  await rename({ 'if-match': '*' }, { name: 'Lin', unknown: 1 })
  await rename({ 'if-match': '*' }, { name: 'x'.repeat(300_000) })
  await call(identity, lin, 'PATCH', '/v1/me', 'x', { 'if-match': '*', 'content-type': 'text/plain' })
  for (const method of ['GET', 'DELETE'] as const) await identity.inject({ method, url: '/v1/me' })
  await call(identity, 'no token', 'PATCH', '/v1/me')
  await call(identity, lin, 'POST', '/v1/me/export')
  await call(identity, ada, 'DELETE', '/v1/me')
  await changeAddress(identity, 'sam@both.test', 'sam.new@both.test')
  const sam = await tokenOf(identity, 'sam.new@both.test')
  await call(identity, sam, 'DELETE', '/v1/me')
  await shiftClock(identity.db, 400)
  await call(identity, lin, 'DELETE', '/v1/me')
  await call(identity, lin, 'POST', '/v1/me/export')
  await call(identity, await tokenOf(identity, 'lin@acme.test'), 'DELETE', '/v1/me')
  for (let asked = 0; asked < 9; asked += 1) await call(identity, ada, 'POST', '/v1/me/export')
}

t.test('people rename themselves, take their data away and delete their account as described', (t) =>
  walkArea(t, 'The own account', walk, { settings: { stepUpMaxAgeSeconds: 300 }, challengesPerMinute: 10 }),
)
