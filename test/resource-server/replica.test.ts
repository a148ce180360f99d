// The replica's own promises, on both engines: newer wins, whatever comes twice, late or in another order; a page counts once;
// what is not understood is put aside and holds up nothing.
import type { ReceivedEntry } from '@meridian/protocol/feed'
import { createReplica, type Replica, type ReplicaChange, type ReplicaOptions } from '@meridian/resource-server/replica'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { propertySeed } from '../support/property-seed.ts'
import { digestOf } from './feed-centre.ts'
import { idOf } from './region-issuer.ts'
import {
  heldRows,
  mortal,
  openEmbeddedReplica,
  openPostgresqlReplica,
  ProcessDied,
  parkedRows,
  type ReplicaDatabase,
} from './replica-database.ts'

const client = (id: string, revision: number, origin: string | null = 'https://a.example.test'): ReceivedEntry => ({
  kind: 'client',
  id,
  revision,
  state: origin === null ? null : { allowed_origins: [origin] },
})

type World = { database: ReplicaDatabase; replica: Replica; told: ReplicaChange[] }
type Body = (t: Test, makeWorld: (onChanges?: ReplicaOptions['onChanges']) => Promise<World>) => Promise<void>

/** One database for all tests of an engine, emptied for each. */
async function onBothEngines(tests: readonly [title: string, body: Body][]): Promise<void> {
  const run = async (t: Test, database: ReplicaDatabase) => {
    for (const [title, body] of tests) {
      await t.test(title, (t) =>
        body(t, async (onChanges) => {
          await database.empty()
          const told: ReplicaChange[] = []
          const replica = createReplica({
            transaction: database.transaction,
            onChanges: async (query, changes) => {
              await onChanges?.(query, changes)
              told.push(...changes)
            },
          })
          return { database, replica, told }
        }),
      )
    }
  }
  await t.test('the replica (pglite)', async (t) => run(t, await openEmbeddedReplica(t)))
  await onPostgresql(t, 'the replica', async (t, makePlace) =>
    run(t, await openPostgresqlReplica(t, await makePlace('region'))),
  )
}

async function apply(replica: Replica, entries: readonly ReceivedEntry[], epoch = '1') {
  const held = await replica.place()
  return replica.apply(held, { epoch, cursor: `c${Number(held.turn) + 1}`, entries: [...entries] })
}

const held = async (database: ReplicaDatabase) =>
  (await heldRows(database)).map(({ id, epoch, revision, state }) => [
    id,
    `${epoch}.${revision}`,
    state === null ? 'gone' : 'there',
  ])

await onBothEngines([
  [
    'what is newer replaces, what is older changes nothing, and hangers-on are told of changes alone',
    async (t, makeWorld) => {
      const { database, replica, told } = await makeWorld()
      await apply(replica, [client('a', 1), client('b', 2)])
      await apply(replica, [client('a', 5, 'https://new.example.test'), client('b', 1)])
      await apply(replica, [client('a', 4), client('a', 5)])
      t.strictSame(await held(database), [
        ['a', '1.5', 'there'],
        ['b', '1.2', 'there'],
      ])
      t.strictSame(
        told.map(({ id, revision }) => `${id}${revision}`),
        ['a1', 'b2', 'a5'],
      )
      t.strictSame(told.at(-1)?.state, { allowed_origins: ['https://new.example.test'] })
    },
  ],
  [
    'what is gone is not brought back by older word, and comes back by newer',
    async (t, makeWorld) => {
      const { database, replica, told } = await makeWorld()
      await apply(replica, [client('a', 1), client('never held', 4, null)])
      await apply(replica, [client('a', 3, null)])
      await apply(replica, [client('a', 2), client('never held', 3)])
      t.strictSame(await held(database), [
        ['a', '1.3', 'gone'],
        ['never held', '1.4', 'gone'],
      ])
      t.equal(told.at(-1)?.state, null)
      await apply(replica, [client('a', 4)])
      t.strictSame((await held(database))[0], ['a', '1.4', 'there'])
    },
  ],
  [
    'under a later epoch the older revision is newer; under an earlier one nothing is',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      await apply(replica, [client('a', 9), client('gone', 8, null)], '1')
      await apply(replica, [client('a', 2), client('gone', 3)], '2')
      await apply(replica, [client('a', 12), client('gone', 13, null)], '1')
      t.strictSame(await held(database), [
        ['a', '2.2', 'there'],
        ['gone', '2.3', 'there'],
      ])
    },
  ],
  [
    'a page is written once, with its place; whoever holds an older place writes nothing',
    async (t, makeWorld) => {
      const { database, replica, told } = await makeWorld()
      const old = await replica.place()
      await apply(replica, [client('a', 1)])
      t.equal(await replica.apply(old, { epoch: '1', cursor: 'late', entries: [client('b', 2)] }), null)
      t.equal(
        await replica.replace(old, { span: { after: null, through: null }, entries: [], epoch: '1' }, () => ({})),
        null,
      )
      t.equal(await replica.move(old, { cursor: null }), null)
      t.strictSame(await held(database), [['a', '1.1', 'there']])
      t.match(await replica.place(), { cursor: 'c1', epoch: '1', rebuild: null })
      t.equal(told.length, 1)
    },
  ],
  [
    'a death between any two statements leaves all of a page or nothing',
    async (t, makeWorld) => {
      const { database } = await makeWorld()
      for (let nth = 1, died = true; died; nth += 1) {
        await database.empty()
        const life = mortal(database)
        const replica = createReplica({
          transaction: life.transaction,
          onChanges: async (query) => {
            await query("INSERT INTO replica_parked VALUES ('x', 'own row', 1, 1, NULL, 'of a service', 1)", [])
          },
        })
        const place = await replica.place()
        life.dieAtQuery(nth)
        died = await apply2(replica, place).then(
          () => false,
          (error) => error instanceof ProcessDied,
        )
        const [rows, parked] = [await heldRows(database), await parkedRows(database)]
        t.strictSame([rows.length, parked.length], died ? [0, 0] : [2, 2], `statement ${nth}`)
      }
      function apply2(replica: Replica, place: Awaited<ReturnType<Replica['place']>>) {
        const unknown = { kind: 'planet', id: 'mars', revision: 3, state: { size: 3 } }
        return replica.apply(place, { epoch: '1', cursor: 'c1', entries: [client('a', 1), client('b', 2), unknown] })
      }
    },
  ],
  [
    'what is not understood is put aside with its reason, the newest of each entity, and holds up no other',
    async (t, makeWorld) => {
      const { database, replica, told } = await makeWorld()
      const planet = (revision: number) => ({ kind: 'planet', id: 'mars', revision, state: { size: revision } })
      const odd = { kind: 'client', id: 'odd', revision: 3, state: { allowed_origins: 'all' } }
      const more = { kind: 'client', id: 'more', revision: 4, state: { allowed_origins: [], colour: 'red' } }
      const written = await apply(replica, [planet(1), odd, more, client('a', 5)])
      await apply(replica, [planet(7), planet(6)])
      await apply(replica, [planet(2)])
      t.strictSame(
        written?.parked,
        new Map([
          ['planet', 1],
          ['client', 1],
        ]),
      )
      t.strictSame(
        (await parkedRows(database)).map(({ kind, revision, state, reason }) => [kind, revision, state, reason]),
        [
          ['client', 3, { allowed_origins: 'all' }, 'not understood: state.allowed_origins: invalid_type'],
          ['planet', 7, { size: 7 }, 'unknown kind'],
        ],
      )
      t.strictSame(
        await replica.parked(),
        new Map([
          ['client', 1],
          ['planet', 1],
        ]),
      )
      t.strictSame(
        told.map(({ id }) => id),
        ['more', 'a'],
      )
      t.strictSame((await heldRows(database))[1]?.state, more.state, 'what is known is kept as told')
    },
  ],
  [
    'what was put aside leaves when good news comes, not when older does, and is tried again',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      const odd = (id: string, revision: number) => ({
        kind: 'client',
        id,
        revision,
        state: { allowed_origins: 'all' },
      })
      await apply(replica, [odd('a', 3), odd('b', 3), client('c', 5)])
      await apply(replica, [client('a', 4), client('b', 2), odd('c', 4)])
      t.strictSame(
        (await parkedRows(database)).map(({ id }) => id),
        ['b'],
      )
      // As an older build would have left it.
      await database.query(
        `INSERT INTO replica_parked VALUES ('client', 'd', 1, 9, '{"allowed_origins": []}', 'unknown kind', 1)`,
      )
      await replica.retryParked(await replica.place())
      t.strictSame(
        (await parkedRows(database)).map(({ id }) => id),
        ['b'],
      )
      t.strictSame((await held(database)).at(-1), ['d', '1.9', 'there'])
    },
  ],
  [
    'an entity that the service cannot write is put aside, the others of its page are written, and it is tried again',
    async (t, makeWorld) => {
      let isBroken = true
      const { database, replica, told } = await makeWorld(async (_query, changes) => {
        if (isBroken && changes.some(({ id }) => id === 'b')) throw new TypeError('no such colour')
      })
      const written = await apply(replica, [client('a', 1), client('b', 2), client('c', 3)])
      t.strictSame(
        told.map(({ id }) => id),
        ['a', 'c'],
      )
      t.strictSame(
        (await parkedRows(database)).map(({ id, reason }) => [id, reason]),
        [['b', 'failed: TypeError: no such colour']],
      )
      t.strictSame(written?.parked, new Map([['client', 1]]))
      t.match(await replica.place(), { cursor: 'c1' })
      isBroken = false
      await replica.retryParked(await replica.place())
      t.strictSame(
        told.map(({ id }) => id),
        ['a', 'c', 'b'],
      )
      t.strictSame(await parkedRows(database), [])
    },
  ],
  [
    'one that waits for another of its page is written after it',
    async (t, makeWorld) => {
      const seen = new Set<string>()
      const { database, replica } = await makeWorld(async (_query, changes) => {
        for (const { id } of changes) {
          if (id === 'a' && !seen.has('z')) throw new Error('z first')
          seen.add(id)
        }
      })
      await apply(replica, [client('a', 1), client('z', 2)])
      t.equal((await heldRows(database)).length, 2)
      t.strictSame(await parkedRows(database), [])
    },
  ],
  [
    'an error of the moment puts nothing aside',
    async (t, makeWorld) => {
      const codes = ['08006', '40P01', '57P01', 'ECONNRESET', 'P2028']
      let left = codes.length
      const { database, replica } = await makeWorld(async () => {
        const code = codes[codes.length - left]
        left -= 1
        if (code !== undefined)
          throw new Error('somewhere inside', { cause: Object.assign(new Error('gone'), { code }) })
      })
      for (const code of codes) await t.rejects(apply(replica, [client('a', 1)]), /somewhere inside/, code)
      t.strictSame([await heldRows(database), await parkedRows(database)], [[], []])
      await apply(replica, [client('a', 1)])
      t.equal((await heldRows(database)).length, 1)
    },
  ],
  [
    'a span is made what the centre lists: older word too, and nothing beyond it',
    async (t, makeWorld) => {
      const { database, replica, told } = await makeWorld()
      await apply(replica, [client('a', 9), client('b', 9), client('c', 9), client('d', 9)])
      const odd = { kind: 'client', id: 'odd', revision: 3, state: { allowed_origins: 1 } }
      await apply(replica, [odd, { ...odd, id: 'z' }])
      told.length = 0
      const span = { after: 'client/a', through: 'client/odd' }
      await replica.replace(
        await replica.place(),
        { span, entries: [client('c', 2), client('d', 9), client('e', 1)], epoch: '1' },
        () => ({}),
      )
      t.strictSame(await held(database), [
        ['a', '1.9', 'there'],
        ['b', '1.0', 'gone'],
        ['c', '1.2', 'there'],
        ['d', '1.9', 'there'],
        ['e', '1.1', 'there'],
      ])
      t.strictSame(
        (await parkedRows(database)).map(({ id }) => id),
        ['z'],
      )
      t.strictSame(
        told.map(({ id, state }) => `${id} ${state === null ? 'gone' : 'there'}`),
        ['c there', 'e there', 'b gone'],
      )
      await apply(replica, [client('b', 1)])
      t.strictSame((await held(database))[1], ['b', '1.1', 'there'], 'what is told next of what was dropped is newer')
    },
  ],
  [
    'a span with very many rows is made so in parts',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      await database.query(`INSERT INTO replica_entity SELECT 'client', 'c' || to_char(n, 'FM00000'), 1, n,
        jsonb_build_object('allowed_origins', '[]'::jsonb), 1, NULL FROM generate_series(1, 5000) AS n`)
      const throughs: (string | null)[] = []
      for (let after: string | null = null, rounds = 0; rounds < 5; rounds += 1) {
        const written = await replica.replace(
          await replica.place(),
          { span: { after, through: null }, entries: [], epoch: '1' },
          () => ({}),
        )
        throughs.push(written!.through)
        after = written!.through
        if (after === null) break
      }
      t.strictSame(throughs, ['client/c02000', 'client/c04000', null])
      t.strictSame(
        await database.query('SELECT count(*)::integer AS live FROM replica_entity WHERE state IS NOT NULL'),
        [{ live: 0 }],
      )
    },
  ],
  [
    'what its own tables have otherwise is asked for by kind and span, and told again',
    async (t, makeWorld) => {
      const { database } = await makeWorld()
      const asked: string[] = []
      const told: string[] = []
      let own: readonly { id: string; what: 'missing' | 'extra' | 'different' }[] = []
      const replica = createReplica({
        transaction: database.transaction,
        onChanges: async (_query, changes) =>
          void told.push(...changes.map(({ kind, id, state }) => `${kind}/${id} ${state === null ? 'gone' : 'there'}`)),
        listOwnDifferences: async (_query, { kind, after, through }) => {
          asked.push(`${kind} ${after} ${through}`)
          return kind === 'client' ? own : []
        },
      })
      await apply(replica, [client('a', 1), client('b', 2)])
      told.length = 0
      const range = { after: 'client/a', through: 'domain/x', count: 1, digest: '0' }
      const span = { after: range.after, through: range.through }
      const listing = { span, entries: [client('b', 2)], epoch: '1' }
      t.strictSame((await replica.differences(listing)).differences, [])
      t.strictSame(asked, ['client a \u007f', 'domain  x'])
      asked.length = 0
      await replica.differences({ span: { after: 'organization/o', through: null }, entries: [], epoch: '1' })
      t.strictSame(asked, ['organization o \u007f', 'user  \u007f'])

      own = [
        { id: 'b', what: 'missing' },
        { id: 'c', what: 'extra' },
      ]
      const { differences } = await replica.differences(listing)
      t.strictSame(differences, [
        { kind: 'client', id: 'b', held: { epoch: '1', revision: 2 }, gone: null, revision: 2, own: 'missing' },
        { kind: 'client', id: 'c', held: null, gone: null, revision: null, own: 'extra' },
      ])
      t.equal((await replica.mend(await replica.place(), differences, listing))?.settled, 2)
      t.strictSame(told, ['client/b there', 'client/c gone'])
      told.length = 0
      await replica.replace(await replica.place(), listing, () => ({}))
      t.strictSame(told, ['client/b there', 'client/c gone'], 'where the place is lost too')
      own = []
      t.equal((await replica.mend(await replica.place(), differences, listing))?.settled, 0, 'no more what it was')
      t.strictSame(await held(database), [
        ['a', '1.1', 'there'],
        ['b', '1.2', 'there'],
      ])
    },
  ],
  [
    'rows are mended as long as they are what they were found to be',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      await apply(replica, [client('a', 2), client('b', 3), client('extra', 4)])
      const entries = [client('a', 5), client('b', 6), client('missing', 1)]
      const listing = { span: { after: null, through: null }, entries, epoch: '1' }
      const { differences } = await replica.differences(listing)
      t.strictSame(
        differences.map(({ id, held, revision }) => [id, held?.revision ?? null, revision]),
        [
          ['a', 2, 5],
          ['b', 3, 6],
          ['extra', 4, null],
          ['missing', null, 1],
        ],
      )
      await apply(replica, [client('b', 7)])
      const written = await replica.mend(await replica.place(), differences, listing)
      t.equal(written?.settled, 3)
      t.strictSame(await held(database), [
        ['a', '1.5', 'there'],
        ['b', '1.7', 'there'],
        ['extra', '1.0', 'gone'],
        ['missing', '1.1', 'there'],
      ])
    },
  ],
  [
    'what is gone by newer word than the list is not mended back, nor what is gone by word that was put aside',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      const planet = (id: string, revision: number, state: object | null): ReceivedEntry => ({
        kind: 'planet',
        id,
        revision,
        state: state as ReceivedEntry['state'],
      })
      await apply(replica, [client('was gone', 1, null)])
      const entries = ['was gone', 'never', 'missing'].map((id) => client(id, 4)).concat(planet('mars', 4, {}))
      const listing = { span: { after: null, through: null }, entries, epoch: '1' }
      const { differences } = await replica.differences(listing)
      t.strictSame(
        differences.map(({ id, held, gone }) => [id, held, gone]),
        [
          ['missing', null, null],
          ['never', null, null],
          ['was gone', null, '1.1'],
          ['mars', null, null],
        ],
      )
      await apply(replica, [client('was gone', 9, null), client('never', 9, null), planet('mars', 9, null)])
      t.equal((await replica.mend(await replica.place(), differences, listing))?.settled, 1)
      t.strictSame(await held(database), [
        ['missing', '1.4', 'there'],
        ['never', '1.9', 'gone'],
        ['was gone', '1.9', 'gone'],
      ])
      t.match(await parkedRows(database), [{ id: 'mars', revision: 9, state: null }])
    },
  ],
  [
    'a slow database puts nothing aside: what it has no time for at once is written in parts, or not at all',
    async (t, makeWorld) => {
      let rowsAtOnce = 3
      const sizes: number[] = []
      for (const code of ['57014', 'P2028']) {
        const { database, replica } = await makeWorld(async (_query, changes) => {
          sizes.push(changes.length)
          if (changes.some(({ id }) => id === 'bad')) throw new Error('bad')
          if (changes.length > rowsAtOnce) throw Object.assign(new Error('out of time'), { cause: { code } })
        })
        rowsAtOnce = 3
        const page = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].map((id, n) => client(id, n + 1))
        t.match(await apply(replica, page), { settled: 9, parked: new Map(), place: { cursor: 'c1' } }, code)
        t.equal((await held(database)).length, 9)
        t.ok(Math.max(...sizes.splice(0).slice(-4)) > 1, 'in halves, not one by one')
        rowsAtOnce = 0
        await t.rejects(apply(replica, [client('late', 20)]), /out of time/)
        await t.rejects(apply(replica, [client('late', 20), client('bad', 21)]), /out of time/)
        t.strictSame(await parkedRows(database), [], 'nothing is put aside')
      }
    },
  ],
  [
    'a stop ends what is written one by one',
    async (t, makeWorld) => {
      const stopping = new AbortController()
      const { database, replica } = await makeWorld(async (_query, changes) => {
        if (changes.some(({ id }) => id === 'bad')) throw new Error('bad')
        stopping.abort()
      })
      const entries = ['a', 'bad', 'c'].map((id, n) => client(id, n + 1))
      const page = { epoch: '1', cursor: 'c1', entries }
      await t.rejects(replica.apply(await replica.place(), page, stopping.signal), /abort/)
      t.strictSame(await held(database), [['a', '1.1', 'there']])
      t.equal((await replica.place()).cursor, null, 'the page comes again')
    },
  ],
  [
    "a digest is the centre's: of kind, id, revision and state, in any order, and of what was put aside too",
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      const planet = { kind: 'planet', id: 'mars', revision: 3, state: { size: 3 } }
      const entries = [client('a', 1), client('b', 2, 'https://bücher.example.test'), planet]
      const range = { after: null, through: null, count: 3, digest: digestOf(entries) }
      await apply(replica, [...entries, client('gone', 4, null)])
      t.equal(await replica.holdsAsTold(range), true)
      t.equal(await replica.holdsAsTold({ ...range, count: 2 }), false)
      t.equal(await replica.holdsAsTold({ ...range, after: 'client/a' }), false)
      t.equal(
        await replica.holdsAsTold({
          after: 'client/a',
          through: 'client/b',
          count: 1,
          digest: digestOf([entries[1]!]),
        }),
        true,
      )
      await database.query(`UPDATE replica_entity SET state = '{"allowed_origins": []}' WHERE id = 'a'`)
      t.equal(await replica.holdsAsTold(range), false, 'a row that was tampered with is found')
    },
  ],
  [
    'what was gone a week ago is forgotten, and nothing else',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      await apply(replica, [
        client('old', 1, null),
        client('new', 2, null),
        client('live', 3),
        { ...client('p', 4, null), kind: 'planet' },
      ])
      await database.query(`UPDATE replica_entity SET gone_at = gone_at - interval '8 days' WHERE id = 'old'`)
      await database.query(`UPDATE replica_parked SET parked_at = parked_at - interval '8 days'`)
      await replica.forget()
      t.strictSame(
        (await held(database)).map(([id]) => id),
        ['live', 'new'],
      )
      t.strictSame(await parkedRows(database), [])
    },
  ],
  [
    'every kind that the feed has is known as it is told',
    async (t, makeWorld) => {
      const { database, replica } = await makeWorld()
      const org = idOf('acme')
      const states: readonly [kind: string, id: string, state: Record<string, unknown>][] = [
        ['domain', idOf('d'), { org_id: org, domain: 'acme.test', status: 'active', is_primary: true }],
        ['entitlements', org, { modules: ['records'] }],
        [
          'membership',
          idOf('m'),
          { user_id: idOf('ada'), org_id: org, role: 'member', status: 'active', display_name: null, version: 3 },
        ],
        [
          'organization',
          org,
          {
            slug: 'acme',
            name: 'Acme',
            status: 'active',
            subscription_tier: 'free',
            settings: { a: [1, { b: null }] },
          },
        ],
        ['user', idOf('ada'), { name: 'Ada', email: null, status: 'disabled' }],
      ]
      await apply(
        replica,
        states.map(([kind, id, state], index) => ({ kind, id, revision: index + 1, state })),
      )
      t.strictSame(
        (await parkedRows(database)).map(({ kind, reason }) => [kind, reason]),
        [],
      )
      t.strictSame(
        (await heldRows(database)).map(({ kind, state }) => [kind, state]),
        states.map(([kind, , state]) => [kind, state]),
      )
    },
  ],
])

t.test('whatever is told three times, in another order, and from the beginning again ends the same', async (t) => {
  const database = await openEmbeddedReplica(t)
  const seed = propertySeed()
  t.comment(`seed ${seed}`)
  const changes = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 20 }), fc.option(fc.integer({ min: 0, max: 5 }), { freq: 3 })),
    {
      minLength: 1,
      maxLength: 400,
      size: 'max',
    },
  )
  /** Each entry three times, none further from its place than a thousand. */
  const order = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1200, maxLength: 1200, size: 'max' })
  await fc.assert(
    fc.asyncProperty(changes, order, fc.integer({ min: 1, max: 500 }), async (story, jitter, pageSize) => {
      await database.empty()
      const replica = createReplica({ transaction: database.transaction })
      const history = story.map(([index, state], at) =>
        client(`c${index}`, at + 1, state === null ? null : `https://${state}.test`),
      )
      const told = [...history, ...history, ...history]
        .map((entry, at) => ({ entry, place: (at % history.length) * 3 + (jitter[at] ?? 0) }))
        .sort((one, other) => one.place - other.place)
        .map(({ entry }) => entry)
      for (const run of [told, history]) {
        for (let at = 0; at < run.length; at += pageSize) await apply(replica, run.slice(at, at + pageSize))
      }
      const last = new Map(history.map((entry) => [entry.id, entry]))
      const expected = [...last.values()].map(({ id, revision, state }) => [
        id,
        `1.${revision}`,
        state === null ? 'gone' : 'there',
      ])
      t.strictSame(
        await held(database),
        expected.sort(([one], [other]) => ((one ?? '') < (other ?? '') ? -1 : 1)),
      )
    }),
    { seed, numRuns: 15, endOnFailure: true },
  )
})
