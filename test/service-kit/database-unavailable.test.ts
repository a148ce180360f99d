import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { faultOf } from '@meridian/service-kit/request-fault'
import { PrismaPg } from '@prisma/adapter-pg'
import { Client, Pool } from 'pg'
import t from 'tap'
import { postgresqlUrl } from '../support/databases.ts'

const UNAVAILABLE = { status: 503, code: 'temporarily_unavailable', retryAfterSeconds: 1 }
const INTERNAL = { status: 500, code: 'internal' }

async function errorOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    return error
  }
  throw new Error('it did not fail')
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

t.test('a database that nobody answers for is unavailable, through every driver', async (t) => {
  const connectionString = `postgresql://x:y@127.0.0.1:${await closedPort()}/z`
  t.match(faultOf(await errorOf(() => new Client({ connectionString }).connect())), UNAVAILABLE)
  const adapter = await new PrismaPg({ connectionString }).connect()
  const query = { sql: 'select 1', args: [], argTypes: [] }
  t.match(faultOf(await errorOf(() => adapter.queryRaw(query))), UNAVAILABLE)
  await adapter.dispose()
})

t.test('a database that accepts and says nothing is unavailable once the pool gives up', async (t) => {
  const silent = createServer()
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as AddressInfo
  const pool = new Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 50 })
  t.match(faultOf(await errorOf(() => pool.query('select 1'))), UNAVAILABLE)
  await pool.end()
  t.match(faultOf(await errorOf(() => pool.query('select 1'))), UNAVAILABLE)
  silent.close()
})

const onServer = { skip: postgresqlUrl === undefined ? 'no PostgreSQL: set TEST_DATABASE_URL' : false }
t.test(
  'a statement or lock that takes too long is unavailable; a wrong statement is our fault',
  onServer,
  async (t) => {
    const connectionString = postgresqlUrl ?? ''
    const client = new Client({ connectionString })
    await client.connect()
    const other = new Client({ connectionString })
    await other.connect()
    await client.query('set statement_timeout = 20')
    t.match(faultOf(await errorOf(() => client.query('select pg_sleep(5)'))), UNAVAILABLE)
    await client.query('set statement_timeout = 0; set lock_timeout = 20')
    await other.query('begin; select pg_advisory_xact_lock(815)')
    t.match(faultOf(await errorOf(() => client.query('select pg_advisory_lock(815)'))), UNAVAILABLE)
    await other.query('rollback')
    await client.query('begin read only')
    t.match(faultOf(await errorOf(() => client.query('create table never_made (id int)'))), UNAVAILABLE)
    await client.query('rollback')
    t.match(faultOf(await errorOf(() => client.query('select * from no_such_table'))), INTERNAL)

    const adapter = await new PrismaPg({ connectionString, statement_timeout: 20 }).connect()
    const adapterError = (sql: string) => errorOf(() => adapter.queryRaw({ sql, args: [], argTypes: [] }))
    t.match(faultOf(await adapterError('select pg_sleep(5)')), UNAVAILABLE)
    t.match(faultOf(await adapterError('select * from no_such_table')), INTERNAL)
    await adapter.dispose()

    client.on('error', () => undefined)
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const running = errorOf(() => client.query('select pg_sleep(5)'))
    await other.query('select pg_terminate_backend($1)', [rows[0].pid])
    t.match(faultOf(await running), UNAVAILABLE)
    await other.end()
  },
)

t.test('codes of PostgreSQL and Prisma are sorted wherever they hang', async (t) => {
  const unavailable: readonly object[] = [
    ...['08006', '08001', '53300', '53200', '57P01', '57P03', '57014', '55P03', '40001', '40P01', '25006'].map(
      (code) => ({ code }),
    ),
    ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2034'].map((code) => ({ code })),
    { errorCode: 'P1001' },
    { code: 'P2010', meta: { driverAdapterError: { cause: { kind: 'postgres', originalCode: '57014' } } } },
    { cause: { kind: 'DatabaseNotReachable' } },
    { errors: [{ code: 'ECONNREFUSED' }] },
  ]
  for (const fields of unavailable) {
    const error = Object.assign(new Error('no'), fields)
    t.match(faultOf(error), UNAVAILABLE, JSON.stringify(fields))
    t.match(faultOf(new Error('wrapped', { cause: error })), UNAVAILABLE)
  }
  const ours: readonly object[] = [
    ...['23505', '42P01', '42501', '22P02', 'P0001', 'P2002', 'P2025', '0800', '08', 8006].map((code) => ({ code })),
    { cause: { kind: 'UniqueConstraintViolation' } },
    { detail: '57014' },
  ]
  for (const fields of ours) t.match(faultOf(Object.assign(new Error('no'), fields)), INTERNAL, JSON.stringify(fields))
})

t.test('a circular chain of causes ends', async (t) => {
  const error = new Error('round')
  error.cause = error
  t.match(faultOf(error), INTERNAL)
})
