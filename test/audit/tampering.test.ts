// Whoever has the database can rewrite it; the verifier names the first thing that is not as it was. Each change is made
// as a superuser would, past the triggers, and taken back.
import { withTransaction } from '@meridian/database/transaction'
import t from 'tap'
import { GENESIS, hashOf } from '../../services/identity/src/audit/chain.ts'
import type { Fault } from '../../services/identity/src/audit/verify.ts'
import { createCheckpointSigner } from '../../services/identity/src/keys/checkpoint-signature.ts'
import { readSealedEvents } from '../../services/identity/src/store/audit-chains.ts'
import { PLATFORM_CHAIN } from '../../services/identity/src/store/audit-rows.ts'
import type { IdentityDb } from '../../services/identity/src/store/open-store.ts'
import { eachEngine, embeddedPlace, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { happen, seal, verify, verifyIn } from './chained-identity.ts'

t.setTimeout(180_000)

/** Twelve sealed events of acme; the head at the ninth is signed. */
async function sealedChain(identity: IdentityUnderTest): Promise<string> {
  const acme = identity.deps.makeId()
  await happen(identity, acme, 9)
  await seal(identity)
  await shiftClock(identity.db, 3601)
  await seal(identity)
  await happen(identity, acme, 3)
  await seal(identity)
  return acme
}

const place = (seq: number) => `(SELECT event_id FROM audit_seal WHERE chain = $1::uuid AND seq = ${seq})`
const CUT_FROM_HEAD = `UPDATE audit_chain SET signed_seq = 0, unsigned_since = meridian_now(), (seq, hash) =
    (SELECT s.seq, s.hash FROM audit_seal s WHERE s.chain = $1::uuid ORDER BY s.seq DESC LIMIT 1)
  WHERE chain = $1::uuid`
const WITHOUT_FROM = (seq: number) => `WITH gone AS (DELETE FROM audit_seal WHERE chain = $1::uuid AND seq >= ${seq})
  DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_seal WHERE chain = $1::uuid AND seq >= ${seq})`

/** Statements on the chain $1, the fault that is found, and in which place. */
const CHANGES: readonly (readonly [title: string, statements: readonly string[], fault: Fault, seq: number | null])[] =
  [
    ['an outcome', [`UPDATE audit_event SET outcome = 'refused' WHERE id = ${place(4)}`], 'event_changed', 4],
    [
      'a time',
      [`UPDATE audit_event SET at = at + interval '1 microsecond' WHERE id = ${place(4)}`],
      'event_changed',
      4,
    ],
    ['who it was', [`UPDATE audit_event SET client_id = 'other' WHERE id = ${place(1)}`], 'event_changed', 1],
    [
      'a detail',
      [`UPDATE audit_event SET details = details || '{"x":null}' WHERE id = ${place(2)}`],
      'event_changed',
      2,
    ],
    ['a region', [`UPDATE audit_event SET region = NULL WHERE id = ${place(2)}`], 'event_changed', 2],
    ['a request', [`UPDATE audit_event SET request_id = '' WHERE id = ${place(2)}`], 'event_changed', 2],
    ['a kind', [`UPDATE audit_event SET kind = kind || ' ' WHERE id = ${place(2)}`], 'event_changed', 2],
    ['the organization', [`UPDATE audit_event SET org_id = NULL WHERE id = ${place(3)}`], 'event_moved', 3],
    ['an event that is gone', [`DELETE FROM audit_event WHERE id = ${place(5)}`], 'event_missing', 5],
    ['a seal that is gone', [`DELETE FROM audit_seal WHERE event_id = ${place(5)}`], 'place_missing', 5],
    [
      'two events that changed places',
      [
        `UPDATE audit_seal SET seq = 1000 - seq WHERE event_id IN (${place(5)}, ${place(6)})`,
        `UPDATE audit_seal SET seq = seq - 989 WHERE chain = $1::uuid AND seq = 994`,
        `UPDATE audit_seal SET seq = seq - 989 WHERE chain = $1::uuid AND seq = 995`,
      ],
      'event_changed',
      5,
    ],
    [
      'an event that was put in between',
      [
        `UPDATE audit_seal SET seq = -seq - 1 WHERE chain = $1::uuid AND seq >= 7`,
        `UPDATE audit_seal SET seq = -seq WHERE chain = $1::uuid AND seq < 0`,
        `INSERT INTO audit_event SELECT gen_random_uuid(), at, kind, outcome, request_id, actor_user_id, client_id, session_id,
        org_id, region, details, NULL, actor_kind FROM audit_event WHERE id = ${place(6)}`,
        `INSERT INTO audit_seal (event_id, chain, seq, hash) SELECT id, $1::uuid, 7, sha256('') FROM audit_event
        WHERE org_id = $1::uuid AND personal_digest IS NULL`,
      ],
      'event_changed',
      7,
    ],
    [
      'an event that nobody sealed',
      [
        `INSERT INTO audit_event SELECT gen_random_uuid(), at, kind, outcome, request_id, actor_user_id, client_id, session_id,
        org_id, region, details, NULL, actor_kind FROM audit_event WHERE id = ${place(6)}`,
      ],
      'never_sealed',
      null,
    ],
    [
      'an address',
      [`UPDATE audit_personal SET details = '{"ip":"192.0.2.8"}' WHERE event_id = ${place(4)}`],
      'personal_details_changed',
      4,
    ],
    [
      'salts that were swapped',
      [
        `UPDATE audit_personal p SET (salt, details) = (SELECT q.salt, q.details FROM audit_personal q
        WHERE q.event_id = CASE p.event_id WHEN ${place(4)} THEN ${place(5)} ELSE ${place(4)} END)
      WHERE p.event_id IN (${place(4)}, ${place(5)})`,
      ],
      'personal_details_changed',
      4,
    ],
    [
      'personal details that there never were',
      [`UPDATE audit_event SET personal_digest = NULL WHERE id = ${place(4)}`],
      'event_changed',
      4,
    ],
    ['a tail that is gone', [WITHOUT_FROM(11)], 'tail_missing', 11],
    ['a tail that is gone, with the head', [WITHOUT_FROM(8), CUT_FROM_HEAD], 'tail_missing', 8],
    ['the whole chain', [WITHOUT_FROM(1), 'DELETE FROM audit_chain WHERE chain = $1::uuid'], 'tail_missing', 1],
    ['a head', [`UPDATE audit_chain SET hash = sha256('') WHERE chain = $1::uuid`], 'head_differs', 12],
    [
      'a signature',
      [`UPDATE audit_checkpoint SET token = regexp_replace(token, '.{86}$', repeat('A', 86)) WHERE chain = $1::uuid`],
      'checkpoint_forged',
      9,
    ],
    [
      'the name of the key that signed',
      [
        `UPDATE audit_checkpoint SET token = regexp_replace(token, '^[^.]+',
        'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF1ZGl0LWNoZWNrcG9pbnQrand0Iiwia2lkIjoieCJ9') WHERE chain = $1::uuid`,
      ],
      'checkpoint_forged',
      9,
    ],
    [
      'a checkpoint of another place',
      [`UPDATE audit_checkpoint SET seq = 8 WHERE chain = $1::uuid`],
      'checkpoint_differs',
      8,
    ],
  ]

async function pastTriggers(db: IdentityDb, statements: readonly string[], chain: string): Promise<void> {
  const tables = ['audit_event', 'audit_personal', 'audit_seal', 'audit_chain', 'audit_checkpoint']
  for (const table of tables) await run(db, `ALTER TABLE ${table} DISABLE TRIGGER ALL`, [])
  await run(db, 'ALTER TABLE audit_seal DROP CONSTRAINT audit_seal_whole', [])
  for (const statement of statements) await run(db, statement, statement.includes('$1') ? [chain] : [])
}

let made = 0
const run = (db: IdentityDb, text: string, values: readonly unknown[]) => {
  made += 1
  return db.sql({ name: `tampering_${made}`, text }, values)
}

/** In a transaction that is rolled back. */
async function rehearse<T>(identity: IdentityUnderTest, work: (db: IdentityDb) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined
  const rehearsed = new Error('rehearsed')
  try {
    await withTransaction(identity.db, async (db) => {
      result = { value: await work(db) }
      throw rehearsed
    })
  } catch (error) {
    if (error !== rehearsed) throw error
  }
  return (result as { value: T }).value
}

await eachEngine(t, 'each way to tamper is found, and where', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const acme = await sealedChain(identity)
  t.match(await verify(identity, { chain: acme }), { events: 12, checkpoints: 1, broken: [] }, 'untouched')
  for (const [title, statements, fault, seq] of CHANGES) {
    const { broken } = await rehearse(identity, async (db) => {
      await pastTriggers(db, statements, acme)
      return verifyIn(db)
    })
    t.match(broken[0], { chain: acme, fault, seq }, `${title}: ${JSON.stringify(broken)}`)
  }
  t.match(await verify(identity), { broken: [] }, 'all of it was taken back')
})

/** What somebody does who knows how the chain is made and has no key. */
async function rewriteChain(db: IdentityDb, chain: string): Promise<void> {
  let previousHash = GENESIS
  for (const { seq, event } of await readSealedEvents(db, chain, 0, 1000)) {
    if (event === undefined) continue
    previousHash = hashOf(event, { chain, seq, previousHash })
    await run(db, `UPDATE audit_seal SET hash = decode($2::text, 'hex') WHERE event_id = $1::uuid`, [
      event.id,
      previousHash,
    ])
  }
  await run(db, CUT_FROM_HEAD, [chain])
}

await eachEngine(t, 'a chain that was written anew is not the one that was signed', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const acme = await sealedChain(identity)
  const [checkpoint] = await ask(identity, 'SELECT token FROM audit_checkpoint WHERE chain = $1::uuid', [acme])
  const kept = [String(checkpoint?.['token'])]
  const rewritten = (statements: readonly string[], options: { kept?: readonly string[] } = {}) =>
    rehearse(identity, async (db) => {
      const change = `UPDATE audit_event SET outcome = 'refused' WHERE id = ${place(3)}`
      await pastTriggers(db, [change], acme)
      await rewriteChain(db, acme)
      for (const statement of statements) await run(db, statement, [acme])
      return verifyIn(db, options)
    })
  t.match((await rewritten([])).broken, [{ chain: acme, fault: 'checkpoint_differs', seq: 9 }])
  const unsigned = ['DELETE FROM audit_checkpoint WHERE chain = $1::uuid']
  t.match((await rewritten(unsigned)).broken, [], 'without its checkpoints it passes,')
  t.match((await rewritten(unsigned, { kept })).broken, [{ fault: 'checkpoint_differs', seq: 9 }], 'but not by the log')
  t.match(
    (await rewritten([...unsigned, WITHOUT_FROM(1), 'DELETE FROM audit_chain WHERE chain = $1::uuid'], { kept }))
      .broken,
    [{ chain: acme, fault: 'tail_missing', seq: 1 }],
    'nor where nothing is left',
  )
  const forged = createCheckpointSigner(identity.deps)({
    iss: 'x',
    chain: PLATFORM_CHAIN,
    seq: 1,
    hash: GENESIS,
    iat: 1,
  })
  t.match((await verify(identity, { kept: [forged] })).broken, [{ chain: PLATFORM_CHAIN, fault: 'checkpoint_differs' }])
  await t.rejects(verify(identity, { kept: ['no checkpoint'] }), { name: 'Refusal', code: 'invalid_request' })
})

t.test('a history that is 400 days old is vouched for by newer checkpoints than those of its keys', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const acme = await sealedChain(identity)
  await identity.db.prisma.$executeRaw`UPDATE signing_key
    SET public_jwk = jsonb_set(public_jwk, '{kid}', '"replaced"') WHERE alg = 'ES256'`
  t.match((await verify(identity, { chain: acme })).broken, [{ fault: 'checkpoint_forged', seq: 9 }], 'a young one')
  await shiftClock(identity.db, 402 * 86_400)
  t.match(await verify(identity, { chain: acme }), { checkpoints: 0, checkpoints_of_old_keys: 1, broken: [] })
})

t.test('twenty thousand events are verified a page at a time', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await ask(
    identity,
    `INSERT INTO audit_event (id, kind, outcome, request_id, actor_kind)
      SELECT gen_random_uuid(), 'context.chosen', 'success', 'many', 'nobody' FROM generate_series(1, 20000)`,
  )
  await seal(identity)
  let largest = 0
  const db: IdentityDb = {
    prisma: identity.db.prisma,
    sql: async (statement, values) => {
      const rows = await identity.db.sql(statement, values)
      largest = Math.max(largest, rows.length)
      return rows
    },
  }
  const told: number[] = []
  const { events, broken, checkpoints } = await verifyIn(db, { onProgress: (done, total) => told.push(done / total) })
  t.ok(events > 20_000)
  t.strictSame(broken, [])
  t.ok(checkpoints >= 19, 'and a thousand events are never unsigned')
  t.ok(largest <= 500, `${largest} rows at once`)
  t.ok(told.length >= 40 && told.at(-1) === 1, 'and says how far it is')
})
