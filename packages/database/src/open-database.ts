import type { PGlite } from '@electric-sql/pglite'
import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapterFactory } from '@prisma/client/runtime/client'
import pg from 'pg'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import type { Database, Db, Queryable, Row, Statement, TransactionOptions } from './database.ts'
import { assertOutsideTransaction } from './database.ts'
import type { EmbeddedOptions, FolderLock } from './embedded.ts'
import { openEmbedded } from './embedded.ts'
import { guardOuterClient } from './guarded-client.ts'
import { type Listening, listenTo } from './listener.ts'
import { applyMigrations, readMigrations } from './migrations.ts'

/** The one method of a generated client that is needed before its type is known. */
type GeneratedClient = { $disconnect(): Promise<void> }

export type OpenOptions<Client> = {
  /** PostgreSQL's address. Absent: the embedded engine. */
  readonly url?: string | undefined
  readonly embedded?: EmbeddedOptions
  readonly migrationsFolder: string
  readonly createClient: (adapter: SqlDriverAdapterFactory) => Client
  /** Connections in the pool (PostgreSQL only). */
  readonly poolSize?: number
  readonly onMigration?: (name: string) => void
  readonly onPoolError?: (error: Error) => void
}

const CONNECT_TIMEOUT_MS = 2000
/** A connection's prepared statements, and their plans, go with it: it is kept through lulls. */
const IDLE_CONNECTION_MS = 10 * 60_000
const TRANSACTION_MAX_WAIT_MS = 2000
/** Client side, above the server's own 2 s: only a connection that has gone silent meets it. */
const QUERY_TIMEOUT_MS = 4000
// Compiling a statement takes longer here than running it ever does.
const SESSION_SETTINGS =
  '-c jit=off -c statement_timeout=2000 -c lock_timeout=1000 -c idle_in_transaction_session_timeout=5000 -c TimeZone=UTC'

/** Opens the database, migrated. Throws FolderInUseError, MigrationError, or the driver's error. */
export async function openDatabase<Client extends GeneratedClient>(
  options: OpenOptions<Client>,
): Promise<Database<Client>> {
  return options.url === undefined ? openPglite(options) : openPostgresql(options, options.url)
}

async function openPostgresql<Client extends GeneratedClient>(
  options: OpenOptions<Client>,
  url: string,
): Promise<Database<Client>> {
  await migratePostgresql(options, url)
  const pool = new pg.Pool({
    connectionString: url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    options: SESSION_SETTINGS,
  })
  const onError = options.onPoolError ?? (() => {})
  pool.on('error', onError)
  // Between two users a connection has no listener for a moment, and its death then would end the process. Its next
  // query reports it.
  pool.on('connect', (client) => client.on('error', () => {}))
  // Given back inside a transaction, since its ROLLBACK was never answered: the next caller must not be in it.
  pool.on('release', (error, client) => {
    if (!error && client.getTransactionStatus() !== 'I') client.end().catch(onError)
  })
  const prisma = options.createClient(new PrismaPg(pool, { onConnectionError: onError }))
  return assemble('postgresql', prisma, {
    send: async (statement, values) => {
      const { name, text, isPlannedAnew = false } = statement
      const query = { ...(isPlannedAnew ? {} : { name }), text, values: values as unknown[] }
      return (await pool.query<Record<string, unknown>>(query)).rows
    },
    listen: (channel, onMessage) => listenTo({ url, channel, onMessage, onError }),
    close: async () => {
      await prisma.$disconnect()
      await pool.end()
    },
  })
}

async function migratePostgresql<Client>(options: OpenOptions<Client>, url: string): Promise<void> {
  const migrations = await readMigrations(options.migrationsFolder)
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS })
  // A connection that dies between queries emits 'error'; the pending or next query reports it.
  client.on('error', () => {})
  await client.connect()
  try {
    const connection = {
      query: async (text: string, values?: readonly unknown[]) =>
        (await client.query(text, values as unknown[])).rows as Record<string, unknown>[],
      execute: async (script: string) => {
        await client.query(script)
      },
    }
    await applyMigrations(connection, migrations, options.onMigration)
  } finally {
    await client.end()
  }
}

async function openPglite<Client extends GeneratedClient>(options: OpenOptions<Client>): Promise<Database<Client>> {
  const { pglite, lock } = await openEmbedded(options.embedded ?? {})
  try {
    await migratePglite(pglite, options)
  } catch (error) {
    await closePglite(pglite, lock)
    throw error
  }
  const prisma = options.createClient(new PrismaPGlite(pglite))
  return assemble('pglite', prisma, {
    send: async (statement, values) =>
      (await pglite.query<Record<string, unknown>>(statement.text, values as unknown[])).rows,
    listen: () => ({ stop: async () => {} }),
    close: async () => {
      await prisma.$disconnect()
      await closePglite(pglite, lock)
    },
  })
}

async function migratePglite<Client>(pglite: PGlite, options: OpenOptions<Client>): Promise<void> {
  const migrations = await readMigrations(options.migrationsFolder)
  const connection = {
    query: async (text: string, values?: readonly unknown[]) =>
      (await pglite.query<Record<string, unknown>>(text, values as unknown[])).rows,
    execute: async (script: string) => {
      await pglite.exec(script)
    },
  }
  await applyMigrations(connection, migrations, options.onMigration)
}

async function closePglite(pglite: PGlite, lock: FolderLock | undefined): Promise<void> {
  await pglite.close()
  lock?.release()
}

type Driver = {
  send(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
  listen(channel: string, onMessage: (message: string) => void): Listening
  close(): Promise<void>
}

function assemble<Client extends GeneratedClient>(
  engine: 'pglite' | 'postgresql',
  prisma: Client,
  driver: Driver,
): Database<Client> {
  const checkName = createNameCheck()
  const sql: Db<Client>['sql'] = async (statement, values) => {
    assertOutsideTransaction()
    checkName(statement)
    return driver.send(statement, values)
  }
  const listeners = new Set<() => void>()
  return {
    engine,
    prisma: guardOuterClient(prisma),
    sql,
    ping: async () => {
      await sql({ name: 'ping', text: 'SELECT 1 AS one' }, [])
    },
    close: driver.close,
    onCommit: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    listen: driver.listen,
    begin: async (work, options) => {
      const result = await begin(prisma, checkName, work, options)
      for (const listener of listeners) listener()
      return result
    },
  }
}

/** A connection keeps what it prepared by name; a second text under that name would fail there, now and then. */
function createNameCheck(): (statement: Statement) => void {
  const texts = new Map<string, string>()
  return ({ name, text }) => {
    const known = texts.get(name)
    if (known === undefined) texts.set(name, text)
    else if (known !== text) throw new Error(`two statements are named ${name}: one name means one text`)
  }
}

/** What every generated client has beside its models; its own type names the models and nothing that we can. */
type RawQueryable = { $queryRawUnsafe(query: string, ...values: unknown[]): Promise<unknown> }
type Transactor<Client> = {
  $transaction<T>(work: (tx: Queryable<Client> & RawQueryable) => Promise<T>, options: object): Promise<T>
}

function begin<Client extends GeneratedClient, T>(
  prisma: Client,
  checkName: (statement: Statement) => void,
  work: (db: Db<Client>) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const settings = {
    maxWait: TRANSACTION_MAX_WAIT_MS,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.isolationLevel === undefined ? {} : { isolationLevel: options.isolationLevel }),
  }
  return (prisma as unknown as Transactor<Client>).$transaction((tx) => {
    const sql: Db<Client>['sql'] = async (statement, values) => {
      checkName(statement)
      return (await tx.$queryRawUnsafe(statement.text, ...values)) as Row[]
    }
    return work({ prisma: tx, sql })
  }, settings)
}
