// A deletion of a client stands however much is left to end of it, and what is left is ended in small steps.
import pg from 'pg'
import t from 'tap'
import { finishDeletedClients } from '../../services/identity/src/directory/end-deleted-clients.ts'
import { applyRegistry } from '../../services/identity/src/directory/registry.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { makeSysAdmin, refresh, registry, signIn, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'

t.setTimeout(100_000)

const other = { client_id: 'other' }
const without = { ...registry, clients: registry.clients.filter((client) => client.id !== 'other') }
const MANY = `INSERT INTO session (id, user_id, client_id, auth_time, amr, ip, user_agent)
  SELECT gen_random_uuid(), s.user_id, c.id, s.auth_time, s.amr, s.ip, s.user_agent
  FROM session s, client c, generate_series(1, CASE c.id WHEN 'other' THEN 1100 ELSE 12000 END)
  WHERE s.client_id = 'other' AND c.id IN ('other', 'native')`
const LIVE = `SELECT s.client_id, count(*)::int AS live, count(f.id)::int AS families FROM session s
  LEFT JOIN refresh_token_family f ON f.session_id = s.id AND f.revoked_at IS NULL
  WHERE s.revoked_at IS NULL GROUP BY s.client_id ORDER BY 1`

t.test('what is left of a deleted client', async (t) => {
  await eachEngine(t, 'its sessions end in small transactions, however many there are', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    await signIn(identity, 'lin@acme.test', other)
    await ask(identity, MANY)
    await applyRegistry(identity.deps, without)
    t.strictSame(await ask(identity, LIVE), [{ client_id: 'native', live: 12000, families: 0 }], 'and no others')
    const steps = await ask(
      identity,
      'SELECT count(*)::int AS told FROM revocation GROUP BY xmin::text ORDER BY 1 DESC',
    )
    const told = steps.map((step) => Number(step['told']))
    t.ok(Math.max(...told) <= 500, String(told))
    t.equal(
      told.reduce((sum, one) => sum + one, 0),
      1101,
      'regions are told of each, once',
    )
  })

  await eachEngine(t, 'a run that was interrupted is finished before the client is named again', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'))
    const { refresh_token } = (await signIn(identity, 'lin@acme.test', other)).body
    await ask(identity, "UPDATE client SET status = 'deleted' WHERE id = 'other'")
    await applyRegistry(identity.deps, registry)
    t.match((await refresh(identity, refresh_token, other)).body, { error: 'invalid_grant' })
    t.equal(await identity.db.prisma.revocation.count(), 1, 'regions are told')
    t.equal((await signIn(identity, 'ada@acme.test', other)).status, 200)
  })

  await onPostgresql(t, 'a deletion stands where a sign-in cannot be ended yet; it ends later', async (t, place) => {
    const where = await place('identity')
    const identity = await startIdentity(t, where)
    await makeSysAdmin(identity)
    await ask(identity, "UPDATE client SET source = 'api' WHERE id = 'other'")
    const { access_token: admin } = (await signIn(identity, 'root@example.test')).body
    const signedIn = (await signIn(identity, 'lin@acme.test', other)).body
    const holder = new pg.Client(where.url)
    await holder.connect()
    try {
      await holder.query("BEGIN; SELECT FROM refresh_token_family WHERE client_id = 'other' FOR UPDATE")
      const headers = { authorization: `Bearer ${admin}` }
      const reply = await identity.inject({ method: 'DELETE', url: '/v1/clients/other', headers })
      t.equal(reply.status, 204, reply.text)
      t.equal((await identity.get('/v1/me', signedIn['access_token'])).status, 401, 'dead at once')
    } finally {
      await holder.end()
    }
    t.match(await ask(identity, LIVE), [{ client_id: 'native' }, { client_id: 'other', live: 1, families: 1 }])
    const finished = await finishDeletedClients(identity.deps, new Set())
    t.strictSame([...finished], ['other'])
    t.match(await ask(identity, LIVE), [{ client_id: 'native' }])
    t.equal((await ask(identity, LIVE)).length, 1)
    t.equal(await identity.db.prisma.revocation.count(), 1, 'regions are told')
    t.strictSame(await finishDeletedClients(identity.deps, finished), finished)
  })
})
