// Support access from both sides, held to its description.
import t from 'tap'
import { shiftClock } from '../support/databases.ts'
import { walkArea } from '../support/described-area.ts'
import { type IdentityUnderTest, idempotencyKey, makeSysAdmin, signIn } from '../support/identity.ts'
import { askForSupport, decideOnSupport, giveBackSupport, letSupportIn } from '../support/support-access.ts'

const NOBODYS = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'

async function refuseMalformed(identity: IdentityUnderTest, root: string, ada: string): Promise<void> {
  const post = (url: string, token: string, payload: object | string, type = 'application/json') =>
    identity.inject({
      method: 'POST',
      url,
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      payload,
    })
  await askForSupport(identity, root, { duration_seconds: 1 })
  await askForSupport(identity, root, { region: 'mars' })
  await askForSupport(identity, root, { org: 'nowhere' })
  for (const [url, token] of [
    ['/v1/support-grants', root],
    [`/v1/orgs/acme/support-grants/${NOBODYS}/approve`, ada],
  ] as const) {
    await post(url, token, { reason: 'x'.repeat(300_000) })
    await post(url, token, 'x', 'text/plain')
  }
  await identity.get(`/v1/support-grants/${'x'.repeat(300)}`, root)
  await identity.get(`/v1/support-grants/${NOBODYS}`, root)
  await identity.get('/v1/support-grants?limit=0', root)
}

async function refuseStrangers(identity: IdentityUnderTest, root: string, id: string): Promise<void> {
  const lin = String((await signIn(identity, 'lin@acme.test')).body['access_token'])
  await identity.get('/v1/support-grants')
  await identity.get('/v1/support-grants', 'no token')
  await identity.get('/v1/support-grants', lin)
  await identity.get('/v1/orgs/acme/support-grants', root)
  await identity.get(`/v1/support-grants/${id}`, lin)
  await askForSupport(identity, lin)
  await giveBackSupport(identity, lin, id)
  for (const step of ['approve', 'decline', 'end'] as const) {
    await decideOnSupport(identity, lin, step, id, { org: 'globex' })
    await decideOnSupport(identity, lin, step, NOBODYS)
  }
}

t.test('support access is asked for, decided on, used and ended as described', async (t) => {
  const settings = { stepUpMaxAgeSeconds: 300 }
  await walkArea(
    t,
    'Support access',
    async (identity) => {
      await makeSysAdmin(identity)
      const root = String((await signIn(identity, 'root@example.test')).body['access_token'])
      const ada = String((await signIn(identity, 'ada@acme.test')).body['access_token'])
      const request = { org: 'acme', region: 'in', reason: 'Ticket 4711', access: 'write', duration_seconds: 600 }
      const headers = { authorization: `Bearer ${root}`, 'idempotency-key': idempotencyKey() }
      const url = '/v1/support-grants'
      const { id } = (await identity.inject({ method: 'POST', url, headers, payload: request })).body
      await identity.inject({ method: 'POST', url, headers, payload: { ...request, region: 'us' } })
      await askForSupport(identity, root)
      await decideOnSupport(identity, ada, 'end', id)
      await decideOnSupport(identity, ada, 'approve', id, { duration_seconds: 700 })
      await decideOnSupport(identity, ada, 'approve', id, { access: 'read', duration_seconds: 300 })
      await decideOnSupport(identity, ada, 'approve', id)
      await identity.get(`${url}?limit=1`, root)
      await identity.get(`${url}/${id}`, root)
      await identity.get('/v1/orgs/acme/support-grants', ada)
      await decideOnSupport(identity, ada, 'end', id)
      const other = (await askForSupport(identity, root)).body['id']
      await decideOnSupport(identity, ada, 'decline', other)
      await decideOnSupport(identity, ada, 'decline', other)
      await giveBackSupport(identity, root, await letSupportIn(identity, root, ada))
      await giveBackSupport(identity, root, NOBODYS)
      await refuseMalformed(identity, root, ada)
      await refuseStrangers(identity, root, other)
      await shiftClock(identity.db, 400)
      await askForSupport(identity, root)
      await giveBackSupport(identity, root, id)
      await decideOnSupport(identity, ada, 'approve', id)
    },
    { settings },
  )
})
