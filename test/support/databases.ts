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

const root = fileURLToPath(new URL('../..', import.meta.url))

export type Schema = 'identity' | 'region'
/** Where to open a store: spread it into openIdentityStore or openRegionStore. */
export type Place = { readonly url?: string; readonly embedded?: EmbeddedOptions }

export const postgresqlUrl: string | undefined = process.env['TEST_DATABASE_URL']

/** Runs the same test on the embedded engine and on PostgreSQL; without a server the second is skipped, loudly. */
export async function eachEngine(
  t: Test,
  title: string,
  body: (t: Test, makePlace: (schema: Schema) => Promise<Place>) => Promise<void>,
): Promise<void> {
  await t.test(`${title} (pglite)`, (t) => body(t, (schema) => embeddedPlace(schema)))
  await onPostgresql(t, title, body)
}

/** For races: PGlite is one connection, so only PostgreSQL can show them. */
export async function onPostgresql(
  t: Test,
  title: string,
  body: (t: Test, makePlace: (schema: Schema) => Promise<Place>) => Promise<void>,
): Promise<void> {
  const url = postgresqlUrl
  const skip = url === undefined ? 'no PostgreSQL: set TEST_DATABASE_URL' : false
  await t.test(`${title} (postgresql)`, { skip }, (t) => body(t, () => postgresqlPlace(t, url ?? '')))
}

export async function postgresqlPlace(t: Test, serverUrl: string): Promise<Place> {
  const name = `meridian_test_${randomBytes(8).toString('hex')}`
  await administer(serverUrl, `CREATE DATABASE ${name}`)
  t.teardown(() => administer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return { url: url.href }
}

async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

/** An in-memory database, opened from a snapshot of the migrated schema that is made once per set of migrations. */
export async function embeddedPlace(schema: Schema): Promise<Place> {
  const migrations = await readMigrations(join(root, 'prisma', schema, 'migrations'))
  const version = createHash('sha256').update(migrations.map((migration) => migration.checksum).join())
  const folder = join(root, 'node_modules', '.cache', 'meridian-test')
  const path = join(folder, `${schema}-${version.digest('hex').slice(0, 16)}.tar`)
  const found = await readFile(path).catch(() => undefined)
  if (found !== undefined) return { embedded: { snapshot: new Blob([found]) } }
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
  return { embedded: { snapshot } }
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
