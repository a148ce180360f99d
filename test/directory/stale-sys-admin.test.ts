// What is under way when a sys-admin is dismissed or a person is deleted comes to nothing: authority and life are read
// again in the transaction that writes.

import { setTimeout } from 'node:timers/promises'
import { withTransaction } from '@meridian/database/transaction'
import t from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { type IdentityUnderTest, makeSysAdmin, signIn, startIdentity } from '../support/identity.ts'
import { ask, fire, times, UNHURRIED } from '../support/races.ts'
import { hearOfRegions } from '../support/region-reports.ts'

/** Long enough for a request to be at the row that is held. */
const ARRIVAL_MS = 400

async function tokenOf(identity: IdentityUnderTest, email: string): Promise<string> {
  return String((await signIn(identity, email)).body['access_token'])
}

const send = (
  identity: Pick<IdentityUnderTest, 'inject'>,
  token: string,
  method: 'POST' | 'DELETE' | 'PUT',
  url: string,
  payload?: object,
) =>
  identity.inject({
    method,
    url,
    headers: { authorization: `Bearer ${token}`, 'if-match': '*' },
    ...(payload === undefined ? {} : { payload }),
  })

/** Has the person's row held by another transaction while `meanwhile` runs, after `request` has come to it. */
async function whileHeld<T>(
  identity: IdentityUnderTest,
  id: string,
  request: () => Promise<T>,
  meanwhile: () => Promise<unknown>,
) {
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const holding = withTransaction(identity.db, async (db) => {
    await db.sql({ name: 'hold_person', text: 'SELECT id FROM user_account WHERE id = $1::uuid FOR NO KEY UPDATE' }, [
      id,
    ])
    held.resolve()
    await release.promise
  })
  await held.promise
  const answer = request()
  await setTimeout(ARRIVAL_MS)
  await meanwhile()
  release.resolve()
  await holding
  return answer
}

await onPostgresql(t, 'a sys-admin who is dismissed meanwhile appoints and locks nobody', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { settings: UNHURRIED, instances: 2 })
  await makeSysAdmin(identity)
  const root = await tokenOf(identity, 'root@example.test')
  const [friend] = await ask(identity, `SELECT id::text FROM user_account WHERE email = 'nobody@example.test'`)
  const friendId = String(friend?.['id'])
  const attempts = {
    appoints: (token: string) =>
      send(identity, token, 'POST', '/v1/sys-admins', { email: 'nobody@example.test', name: 'Friend' }),
    locks: (token: string) =>
      send(identity, token, 'PUT', `/v1/users/${friendId}/status`, { status: 'disabled', reason: 'abuse' }),
    dismisses: (token: string) => send(identity, token, 'DELETE', `/v1/sys-admins/${friendId}`),
  }
  for (const [what, attempt] of Object.entries(attempts)) {
    const email = `${what}@example.test`
    const appointed = await send(identity, root, 'POST', '/v1/sys-admins', { email, name: 'B' })
    t.equal(appointed.status, 201, appointed.text)
    if (what === 'dismisses') t.equal((await attempts.appoints(root)).status, 201)
    const token = await tokenOf(identity, email)
    const answer = await whileHeld(
      identity,
      friendId,
      () => attempt(token),
      async () => t.equal((await send(identity, root, 'DELETE', `/v1/sys-admins/${appointed.body['id']}`)).status, 204),
    )
    t.match(answer, { status: 403, body: { code: 'access_denied' } }, what)
    const [row] = await ask(identity, 'SELECT status, platform_role FROM user_account WHERE id = $1::uuid', [friendId])
    t.strictSame(row, { status: 'active', platform_role: what === 'dismisses' ? 'sys_admin' : null }, what)
  }
})

await onPostgresql(t, 'of a person who deletes their account nothing is written afterwards', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { settings: UNHURRIED, instances: 2 })
  const [org] = await ask(identity, `SELECT id::text FROM organization WHERE slug = 'acme'`)
  const [person] = await ask(identity, `SELECT id::text FROM user_account WHERE email = 'lin@acme.test'`)
  const id = String(person?.['id'])
  const token = await tokenOf(identity, 'lin@acme.test')
  const choice = { org_id: org?.['id'], region: 'in' }
  await hearOfRegions(identity)
  const answers = await whileHeld(
    identity,
    id,
    () =>
      fire(identity, [
        ...times(3, (instance) => send(instance, token, 'DELETE', '/v1/me')),
        ...times(3, (instance) => send(instance, token, 'PUT', '/v1/me/context', choice)),
        ...times(2, (instance) => send(instance, token, 'POST', '/v1/me/export')),
      ]),
    async () => undefined,
  )
  t.equal(answers.filter(({ status }, index) => index < 3 && status === 204).length, 1, 'one deletion')
  t.notOk(answers.some(({ status }) => status === 500))
  for (const table of ['client_context', 'audit_personal']) {
    const rows = await ask(identity, `SELECT 1 AS left_over FROM ${table} WHERE user_id = $1::uuid`, [id])
    t.strictSame(rows, [], table)
  }
})
