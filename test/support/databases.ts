// Test databases: an embedded one always, a PostgreSQL one where TEST_DATABASE_URL names a server.
// Each test gets a database of its own, dropped afterwards. Time moves by replacing the one clock function.
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import type { Db } from '@meridian/database/database'
import type { EmbeddedOptions } from '@meridian/database/embedded'
import { applyMigrations, readMigrations } from '@meridian/database/migrations'
import pg from 'pg'
import type { Test } from 'tap'
import { createRewoundEngines } from './rewound-engine.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export type Schema = 'identity' | 'region'
/** `empty`: never migrated. */
type Begin = Schema | 'empty'
/** Where to open a store: spread it into openIdentityStore or openRegionStore. */
export type Place = { readonly url?: string; readonly embedded?: EmbeddedOptions }

export const postgresqlUrl: string | undefined = process.env['TEST_DATABASE_URL']

/** Runs the same test on the embedded engine and on PostgreSQL; without a server the second is skipped, loudly. */
export async function eachEngine(
  t: Test,
  title: string,
  body: (t: Test, makePlace: (begin: Begin) => Promise<Place>) => Promise<void>,
): Promise<void> {
  await t.test(`${title} (pglite)`, (t) =>
    body(t, async (begin) => (begin === 'empty' ? { embedded: {} } : embeddedPlace(begin))),
  )
  await onPostgresql(t, title, body)
}

/** For races: PGlite is one connection, so only PostgreSQL can show them. */
export async function onPostgresql(
  t: Test,
  title: string,
  body: (t: Test, makePlace: (begin: Begin) => Promise<Place>) => Promise<void>,
): Promise<void> {
  const url = postgresqlUrl
  const skip = url === undefined ? 'no PostgreSQL: set TEST_DATABASE_URL' : false
  await t.test(`${title} (postgresql)`, { skip }, (t) =>
    body(t, async (begin) =>
      postgresqlPlace(t, url ?? '', begin === 'empty' ? undefined : await templateOf(url ?? '', begin)),
    ),
  )
}

/** An empty database, or a copy of the template. */
export async function postgresqlPlace(t: Test, serverUrl: string, template = 'template1'): Promise<Place> {
  const name = `meridian_test_${randomBytes(8).toString('hex')}`
  await administer(serverUrl, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`))
  t.teardown(() => administer(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)))
  return { url: databaseUrl(serverUrl, name) }
}

function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** A database with the schema's migrations, made once per set of them; whoever comes meanwhile waits for it. */
async function templateOf(serverUrl: string, schema: Schema): Promise<string> {
  const migrations = await readMigrations(join(root, 'prisma', schema, 'migrations'))
  const name = `meridian_template_${schema}_${versionOf(migrations)}`
  await administer(serverUrl, async (client) => {
    await client.query(`SELECT pg_advisory_lock(hashtext('meridian_template'))`)
    const made = await client.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (made.rowCount !== 0) return
    const draft = `${name}_draft`
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
    await client.query(`CREATE DATABASE ${draft}`)
    await administer(databaseUrl(serverUrl, draft), async (own) => {
      const connection = {
        query: async (text: string, values?: readonly unknown[]) => (await own.query(text, values as unknown[])).rows,
        execute: async (script: string) => {
          await own.query(script)
        },
      }
      await applyMigrations(connection, migrations)
    })
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
  })
  return name
}

async function administer(serverUrl: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

const openEngine = {
  identity: createRewoundEngines(() => readSnapshot('identity')),
  region: createRewoundEngines(() => readSnapshot('region')),
}

/** An in-memory database with the schema's migrations, as PGlite gives it. */
export const openMigratedEngine = (schema: Schema): Promise<PGlite> => openEngine[schema]()

/** The same, for a store to open. */
export async function embeddedPlace(schema: Schema): Promise<Place> {
  return { embedded: { open: openEngine[schema] } }
}

/** A dump of the migrated schema, made once per set of migrations. */
async function readSnapshot(schema: Schema): Promise<Blob> {
  const migrations = await readMigrations(join(root, 'prisma', schema, 'migrations'))
  const folder = join(root, 'node_modules', '.cache', 'meridian-test')
  const path = join(folder, `${schema}-${versionOf(migrations)}.tar`)
  const found = await readFile(path).catch(() => undefined)
  if (found !== undefined) return new Blob([found])
  const pglite = await PGlite.create()
  const connection = {
    query: async (text: string, values?: readonly unknown[]) =>
      (await pglite.query<Record<string, unknown>>(text, values as unknown[])).rows,
    execute: async (script: string) => {
      await pglite.exec(script)
    },
  }
  await applyMigrations(connection, migrations)
  const snapshot = await pglite.dumpDataDir('none')
  await pglite.close()
  await mkdir(folder, { recursive: true })
  const draft = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, Buffer.from(await snapshot.arrayBuffer()))
  await rename(draft, path)
  return snapshot
}

function versionOf(migrations: Awaited<ReturnType<typeof readMigrations>>): string {
  const version = createHash('sha256').update(migrations.map((migration) => migration.checksum).join())
  return version.digest('hex').slice(0, 16)
}

/** Moves the database's clock: from now on it is `seconds` ahead of (or behind) the machine's. */
export async function shiftClock<Client>(db: Db<Client>, seconds: number): Promise<void> {
  await db.sql(
    {
      name: `shift_${randomBytes(4).toString('hex')}`,
      text: `CREATE OR REPLACE FUNCTION meridian_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
        AS 'SELECT statement_timestamp() + interval ''${Number(seconds)} seconds'''`,
    },
    [],
  )
}
