// Events are chained in the order in which nothing is lost: by transaction, below those that are still under way.
import pg from 'pg'
import t, { type Test } from 'tap'
import { createSealer, readSealBacklog } from '../../services/identity/src/audit/keep-sealing.ts'
import { PLATFORM_CHAIN } from '../../services/identity/src/store/audit-rows.ts'
import { eachEngine, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { exchange, IN, signIn, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { chainOf, happen, idOfOrg, makeEarlyId, seal, sealDepsOf, sealOnce, verify } from './chained-identity.ts'

t.setTimeout(180_000)

await eachEngine(t, 'what happens is sealed, an organization a chain', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  const { access_token: token } = (await signIn(identity, 'lin@acme.test')).body
  await exchange(identity, token, { resource: IN, org_id: 'acme' })
  t.match(await readSealBacklog(identity.deps), { waiting: Number })
  const acme = await idOfOrg(identity, 'acme')
  t.ok((await seal(identity)) > 1)
  t.equal(await seal(identity), 0, 'once')
  t.equal((await readSealBacklog(identity.deps)).waiting, 0)
  const kinds = await ask(
    identity,
    `SELECT e.kind, s.chain::text AS chain FROM audit_event e JOIN audit_seal s ON s.event_id = e.id WHERE s.seq IS NOT NULL
      AND e.kind IN ('sign_in.succeeded', 'context.first_token') ORDER BY e.kind`,
  )
  t.strictSame(kinds, [
    { kind: 'context.first_token', chain: acme },
    { kind: 'sign_in.succeeded', chain: PLATFORM_CHAIN },
  ])
  t.match(await verify(identity), { waiting: 0, broken: [] })
  const { events } = await verify(identity, { chain: acme })
  await happen(identity, acme, 3)
  t.match(await verify(identity), { waiting: 3, broken: [] })
  t.equal(await seal(identity), 3)
  t.match(await verify(identity, { chain: acme }), { chains: 1, events: events + 3, broken: [] })
})

await eachEngine(t, 'nothing of a chain is written twice, and nothing goes', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  await happen(identity, null, 1)
  await seal(identity)
  await shiftClock(identity.db, 3601)
  await seal(identity)
  await happen(identity, null, 1)
  const refused = [
    "UPDATE audit_event SET outcome = 'refused'",
    'DELETE FROM audit_event',
    'UPDATE audit_personal SET details = details',
    'UPDATE audit_seal SET hash = hash WHERE seq IS NOT NULL',
    'UPDATE audit_seal SET xid = xid, chain = gen_random_uuid()',
    'DELETE FROM audit_seal',
    'UPDATE audit_chain SET seq = seq - 1',
    'DELETE FROM audit_chain',
    'UPDATE audit_checkpoint SET token = token',
    'DELETE FROM audit_checkpoint',
    `INSERT INTO audit_seal (event_id, chain, seq, hash)
      SELECT id, gen_random_uuid(), 1, sha256('') FROM audit_event LIMIT 1`,
    ...['audit_event', 'audit_personal', 'audit_seal', 'audit_chain', 'audit_checkpoint'].map(
      (table) => `TRUNCATE ${table} CASCADE`,
    ),
  ]
  for (const statement of refused)
    await t.rejects(ask(identity, statement), { message: /audit events are append-only/ }, statement)
  t.match(await verify(identity, { chain: PLATFORM_CHAIN }), { waiting: 1, checkpoints: 1, broken: [] })
})

/** A transaction of its own that has written an event and is not done. */
async function holdEvent(t: Test, place: Place, id: string): Promise<{ commit(): Promise<void> }> {
  const client = new pg.Client(place.url)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('BEGIN')
  await client.query(
    `INSERT INTO audit_event (id, kind, outcome, request_id, actor_kind) VALUES ($1, 'context.chosen', 'success', 'held', 'nobody')`,
    [id],
  )
  return {
    commit: async () => {
      await client.query('COMMIT')
    },
  }
}

await onPostgresql(t, 'what commits late is neither lost nor overtaken', async (t, makePlace) => {
  const place = await makePlace('identity')
  const identity = await startIdentity(t, place)
  await happen(identity, null, 2)
  const before = (await chainOf(identity, PLATFORM_CHAIN)).length
  await seal(identity)
  const sealed = await chainOf(identity, PLATFORM_CHAIN)
  const early = makeEarlyId()
  const held = await holdEvent(t, place, early)
  await happen(identity, null, 3)
  t.equal(await sealOnce(identity), 0, 'later ones wait for it')
  t.equal((await readSealBacklog(identity.deps)).waiting, 3)
  t.match(await verify(identity), { waiting: 3, broken: [] })
  await held.commit()
  t.equal(await seal(identity), 4)
  const after = await chainOf(identity, PLATFORM_CHAIN)
  t.equal(after[sealed.length], early, 'it comes where its transaction began, though its id is older than all')
  t.equal(after.length, sealed.length + 4 + before)
  t.match(await verify(identity), { waiting: 0, broken: [] })
})

await onPostgresql(t, 'an event that waits for a minute raises the alarm', async (t, makePlace) => {
  const place = await makePlace('identity')
  const identity = await startIdentity(t, place)
  const held = await holdEvent(t, place, makeEarlyId())
  await happen(identity, null, 1)
  const alarm = /"level":"error".*audit events have waited for their seal for more than a minute/
  await createSealer(sealDepsOf(identity)).turn()
  t.notMatch(identity.logText(), alarm)
  await shiftClock(identity.db, 61)
  await createSealer(sealDepsOf(identity)).turn()
  t.match(identity.logText(), alarm)
  await held.commit()
  t.ok((await seal(identity)) >= 2, 'and once it is done, all is sealed')
})

await onPostgresql(t, 'two sealers at once make one chain', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'), { instances: 3 })
  const [first, second, writer] = identity.instances as [typeof identity, typeof identity, typeof identity]
  const acme = identity.deps.makeId()
  const writing = Promise.all([happen(writer, acme, 80), happen(writer, null, 80), happen(writer, acme, 80)])
  let isWriting = true
  const work = async (sealer: typeof identity) => {
    let total = 0
    while (isWriting) total += await sealOnce(sealer)
    return total
  }
  const working = [work(first), work(second)]
  await writing
  isWriting = false
  const totals = await Promise.all(working)
  t.not(Math.max(...totals), 0, 'while it was written')
  for (const sealer of [first, second])
    t.notMatch(sealer.logText(), /was not sealed/, 'and neither runs into the other')
  await seal(first)
  t.equal((await chainOf(identity, acme)).length, 160)
  t.match(await verify(identity), { waiting: 0, broken: [] })
})

await eachEngine(t, 'what came out of the dump of another database is sealed too', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  await seal(identity)
  await happen(identity, null, 2)
  await ask(identity, 'ALTER TABLE audit_seal DISABLE TRIGGER USER')
  await ask(identity, "UPDATE audit_seal SET xid = '999999999999'::xid8 WHERE seq IS NULL")
  await ask(identity, 'ALTER TABLE audit_seal ENABLE TRIGGER USER')
  t.equal(await seal(identity), 2)
  t.match(await verify(identity), { waiting: 0, broken: [] })
})

await eachEngine(t, 'a head is signed after an hour, and after a thousand events', async (t, place) => {
  const identity = await startIdentity(t, await place('identity'))
  const acme = identity.deps.makeId()
  await happen(identity, acme, 2)
  await seal(identity)
  t.match(await verify(identity), { checkpoints: 0, broken: [] })
  await shiftClock(identity.db, 3601)
  await seal(identity)
  await seal(identity)
  const { chains, checkpoints } = await verify(identity)
  t.equal(checkpoints, chains, 'once a chain')
  t.match(identity.logText(), /"checkpoint":"eyJ[^"]+","msg":"audit checkpoint"/, 'and the log has it')
  await ask(
    identity,
    `INSERT INTO audit_event (id, kind, outcome, request_id, actor_kind, org_id)
      SELECT gen_random_uuid(), 'context.chosen', 'success', 'many', 'nobody', $1::uuid FROM generate_series(1, 1100)`,
    [acme],
  )
  t.equal(await seal(identity), 1100)
  t.match(await verify(identity, { chain: acme }), { events: 1102, checkpoints: 2, broken: [] })
})
