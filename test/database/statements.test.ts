import { randomUUID } from 'node:crypto'
import type { Row } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import t from 'tap'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { type CounterDatabase, type CounterDb, openCounters } from './counters.ts'

const id = randomUUID()
const bytes = new Uint8Array([0, 1, 127, 128, 255])
const instant = new Date('2026-02-03T04:05:06.789Z')
const document = { a: [1, null, 'x'], b: { c: true }, 'd"': '\\' }

/** What goes in, as what it is cast in SQL, and what comes out. */
const values: Record<string, { type: string; given: unknown; expected?: unknown; cast?: string }> = {
  uuid: { type: 'uuid', given: id },
  'a uuid as text': { type: 'uuid', given: id, cast: 'text' },
  text: { type: 'text', given: 'Grüße, 世界 \u{1F44B} \' " \\ $1' },
  'empty text': { type: 'text', given: '' },
  'text that looks like a number': { type: 'text', given: '0042' },
  'text that looks like an instant': { type: 'text', given: '2026-02-03T04:05:06.789Z' },
  'text that looks like JSON': { type: 'text', given: '{"a":1}' },
  integer: { type: 'integer', given: 2_147_483_647 },
  'a negative integer': { type: 'integer', given: -1 },
  'a bigint as text': { type: 'bigint', given: '9007199254740993', cast: 'text' },
  true: { type: 'boolean', given: true },
  false: { type: 'boolean', given: false },
  float8: { type: 'float8', given: 1_760_000_000.123456 },
  'a whole float8': { type: 'float8', given: 3 },
  jsonb: { type: 'jsonb', given: JSON.stringify(document), expected: document },
  'a jsonb array': { type: 'jsonb', given: '[1,"2",null]', expected: [1, '2', null] },
  bytea: { type: 'bytea', given: bytes },
  'empty bytea': { type: 'bytea', given: new Uint8Array() },
  'bytea from a Buffer': { type: 'bytea', given: Buffer.from(bytes), expected: bytes },
  timestamptz: { type: 'timestamptz', given: instant },
  'timestamptz from text': { type: 'timestamptz', given: '2026-02-03T05:05:06.789+01:00', expected: instant },
  null: { type: 'text', given: null },
  'a null uuid': { type: 'uuid', given: null },
  'a null instant': { type: 'timestamptz', given: null },
  'text[]': { type: 'text[]', given: ['a', 'b,c', '{"}', '', 'NULL'] },
  'an empty text[]': { type: 'text[]', given: [] },
}

/** pg gives a Buffer where others give its parent class; both are what a parser of ours accepts. */
function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? `bytes ${Buffer.from(value).toString('hex')}` : value
}

async function sendAll(db: CounterDb): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {}
  for (const [title, { type, given, cast = type }] of Object.entries(values)) {
    const statement = { name: `echo ${type} ${cast}`, text: `SELECT $1::${type}::${cast} AS value` }
    const [row] = await db.sql(statement, [given])
    answers[title] = plain(row?.['value'])
  }
  return answers
}

const expected = Object.fromEntries(
  Object.entries(values).map(([title, value]) => [
    title,
    plain(value.expected === undefined ? value.given : value.expected),
  ]),
)

await eachEngine(t, 'values of each type come back as they went in', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  t.strictSame(await sendAll(database), expected, 'outside a transaction')
  t.strictSame(await withTransaction(database, sendAll), expected, 'inside a transaction')
})

await eachEngine(t, 'one name means one text', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const send = (db: CounterDb, text: string): Promise<readonly Row[]> => db.sql({ name: 'one', text }, [])
  const refusal = { message: 'two statements are named one: one name means one text' }
  t.strictSame(await send(database, 'SELECT 1 AS a'), [{ a: 1 }])
  await t.rejects(send(database, 'SELECT 2 AS a'), refusal)
  await t.rejects(
    withTransaction(database, (db) => send(db, 'SELECT 2 AS a')),
    refusal,
  )
  t.strictSame(await send(database, 'SELECT 1 AS a'), [{ a: 1 }])
})

await onPostgresql(t, 'a statement is prepared once a connection', async (t, makePlace) => {
  const database: CounterDatabase = await openCounters(t, await makePlace('empty'), { poolSize: 1 })
  for (const given of [1, 2, 3]) await database.sql({ name: 'echo', text: 'SELECT $1::integer AS value' }, [given])
  const prepared = {
    name: 'prepared',
    text: `SELECT generic_plans + custom_plans AS runs FROM pg_prepared_statements WHERE name = 'echo'`,
  }
  t.strictSame(await database.sql(prepared, []), [{ runs: '3' }])
})

await onPostgresql(
  t,
  'a statement is prepared by its name, unless it is planned anew each time',
  async (t, makePlace) => {
    const database = await openCounters(t, await makePlace('empty'))
    const text = 'SELECT $1::text AS value'
    t.strictSame(await database.sql({ name: 'kept', text }, ['a']), [{ value: 'a' }])
    t.strictSame(await database.sql({ name: 'not_kept', text, isPlannedAnew: true }, ['b']), [{ value: 'b' }])
    const list = { name: 'list', text: `SELECT name FROM pg_prepared_statements WHERE name LIKE '%kept' ORDER BY name` }
    t.strictSame(await database.sql(list, []), [{ name: 'kept' }])
  },
)
