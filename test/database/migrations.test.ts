// The runner of migrations, as every process meets it when it starts.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { MigrationError } from '@meridian/database/migrations'
import { isDatabaseUnavailable } from '@meridian/service-kit/database-unavailable'
import pg from 'pg'
import t, { type Test } from 'tap'
import { emptyDataFolder, temporaryFolder } from '../support/data-folder.ts'
import { eachEngine, onPostgresql, type Place } from '../support/databases.ts'
import {
  type CounterDatabase,
  CREATE_COUNTER,
  FIRST_MIGRATION,
  openCounterDatabase,
  writeMigrations,
} from './counters.ts'

const SECOND_MIGRATION = '20260202000000_add_note'
const ADD_NOTE = 'ALTER TABLE counter ADD COLUMN note text;'
const OPEN_ONCE = fileURLToPath(new URL('open-once/main.ts', import.meta.url))

/** Where the tests of one file meet their database again: a folder, or one PostgreSQL database. */
async function keptPlace(t: Test, makePlace: (begin: 'empty') => Promise<Place>): Promise<Place> {
  const place = await makePlace('empty')
  return place.url === undefined ? { embedded: { folder: await emptyDataFolder(t) } } : place
}

async function use<T>(opening: Promise<CounterDatabase>, work: (database: CounterDatabase) => Promise<T>): Promise<T> {
  const database = await opening
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

const JOURNAL = {
  name: 'journal',
  text: `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished, rolled_back_at IS NULL AS stands,
    logs, applied_steps_count FROM _prisma_migrations ORDER BY migration_name`,
}
const HAS_TABLE = { name: 'has_table', text: 'SELECT to_regclass($1::text) IS NOT NULL AS found' }
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

await eachEngine(
  t,
  'each migration is applied once, in order, and journaled with its checksum',
  async (t, makePlace) => {
    const place = await keptPlace(t, makePlace)
    const migrationsFolder = writeMigrations(temporaryFolder(t), {
      [SECOND_MIGRATION]: ADD_NOTE,
      [FIRST_MIGRATION]: CREATE_COUNTER,
    })
    const applied: string[] = []
    for (const _start of [1, 2]) {
      await use(
        openCounterDatabase({ ...place, migrationsFolder, onMigration: (name) => applied.push(name) }),
        async (database) => {
          const entry = { finished: true, stands: true, logs: null, applied_steps_count: 1 }
          t.strictSame(await database.sql(JOURNAL, []), [
            { migration_name: FIRST_MIGRATION, checksum: sha256(CREATE_COUNTER), ...entry },
            { migration_name: SECOND_MIGRATION, checksum: sha256(ADD_NOTE), ...entry },
          ])
        },
      )
    }
    t.strictSame(applied, [FIRST_MIGRATION, SECOND_MIGRATION])
  },
)

await eachEngine(t, 'the journal is the table that Prisma makes', async (t, makePlace) => {
  const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  const place = await keptPlace(t, makePlace)
  await use(openCounterDatabase({ ...place, migrationsFolder }), async (database) => {
    const columns = await database.sql(
      {
        name: 'columns',
        text: `SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
            pg_get_expr(d.adbin, d.adrelid) AS default
          FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
          WHERE a.attrelid = '_prisma_migrations'::regclass AND a.attnum > 0 ORDER BY a.attnum`,
      },
      [],
    )
    // What Prisma's schema engine writes: CREATE TABLE _prisma_migrations in its PostgreSQL flavour.
    const time = 'timestamp with time zone'
    t.strictSame(columns, [
      { name: 'id', type: 'character varying(36)', required: true, default: null },
      { name: 'checksum', type: 'character varying(64)', required: true, default: null },
      { name: 'finished_at', type: time, required: false, default: null },
      { name: 'migration_name', type: 'character varying(255)', required: true, default: null },
      { name: 'logs', type: 'text', required: false, default: null },
      { name: 'rolled_back_at', type: time, required: false, default: null },
      { name: 'started_at', type: time, required: true, default: 'now()' },
      { name: 'applied_steps_count', type: 'integer', required: true, default: '0' },
    ])
  })
})

await eachEngine(t, 'an applied migration that was edited stops the start', async (t, makePlace) => {
  const place = await keptPlace(t, makePlace)
  const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  await use(openCounterDatabase({ ...place, migrationsFolder }), async () => {})
  writeMigrations(migrationsFolder, { [FIRST_MIGRATION]: `${CREATE_COUNTER} ` })
  await t.rejects(openCounterDatabase({ ...place, migrationsFolder }), {
    name: 'MigrationError',
    message: `migration ${FIRST_MIGRATION} was edited after it was applied: restore the file and write a new migration`,
  })
  writeMigrations(migrationsFolder, { [FIRST_MIGRATION]: CREATE_COUNTER })
  await use(openCounterDatabase({ ...place, migrationsFolder }), (database) => database.ping())
})

await eachEngine(
  t,
  'a migration marked failed stops the start until it is marked rolled back',
  async (t, makePlace) => {
    const place = await keptPlace(t, makePlace)
    const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
    await use(openCounterDatabase({ ...place, migrationsFolder }), async (database) => {
      const text = `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('f', 'f', '${SECOND_MIGRATION}')`
      await database.sql({ name: 'fail', text }, [])
    })
    writeMigrations(migrationsFolder, { [SECOND_MIGRATION]: ADD_NOTE })
    await t.rejects(openCounterDatabase({ ...place, migrationsFolder }), {
      name: 'MigrationError',
      message: `migration ${SECOND_MIGRATION} failed earlier: resolve it before starting`,
    })
    const resolve = { name: 'resolve', text: 'UPDATE _prisma_migrations SET rolled_back_at = now() WHERE id = $1' }
    if (place.url === undefined) {
      const pglite = await PGlite.create({ dataDir: join(place.embedded?.folder ?? '', 'pglite') })
      await pglite.query(resolve.text, ['f'])
      await pglite.close()
    } else {
      const client = new pg.Client(place.url)
      await client.connect()
      await client.query(resolve.text, ['f'])
      await client.end()
    }
    await use(openCounterDatabase({ ...place, migrationsFolder }), async (database) => {
      t.equal((await database.sql(JOURNAL, [])).length, 3, 'both tries of the second one are on record')
    })
  },
)

await eachEngine(t, 'a migration of a newer build is left alone', async (t, makePlace) => {
  const place = await keptPlace(t, makePlace)
  const newer = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER, [SECOND_MIGRATION]: ADD_NOTE })
  await use(openCounterDatabase({ ...place, migrationsFolder: newer }), async () => {})
  const older = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  await use(openCounterDatabase({ ...place, migrationsFolder: older }), async (database) => {
    const names = (await database.sql(JOURNAL, [])).map((row) => row['migration_name'])
    t.strictSame(names, [FIRST_MIGRATION, SECOND_MIGRATION])
    await database.sql({ name: 'note', text: "INSERT INTO counter VALUES (1, 0, 'kept')" }, [])
  })
})

await eachEngine(t, 'a migration that fails midway leaves nothing and is named', async (t, makePlace) => {
  const place = await keptPlace(t, makePlace)
  const migrationsFolder = writeMigrations(temporaryFolder(t), {
    [FIRST_MIGRATION]: CREATE_COUNTER,
    [SECOND_MIGRATION]: 'CREATE TABLE half (id integer); INSERT INTO half VALUES (1); SELECT 1 / 0;',
  })
  await t.rejects(openCounterDatabase({ ...place, migrationsFolder }), {
    name: 'MigrationError',
    message: new RegExp(`^migration ${SECOND_MIGRATION} could not be applied: .*division by zero`),
  })
  writeMigrations(migrationsFolder, { [SECOND_MIGRATION]: ADD_NOTE })
  await use(openCounterDatabase({ ...place, migrationsFolder }), async (database) => {
    t.strictSame(await database.sql(HAS_TABLE, ['half']), [{ found: false }])
    t.equal((await database.sql(JOURNAL, [])).length, 2, 'and the mended one is applied in its place')
  })
})

await eachEngine(t, 'a migration and its journal entry stand or fall together', async (t, makePlace) => {
  const place = await keptPlace(t, makePlace)
  const migrationsFolder = writeMigrations(temporaryFolder(t), {
    [FIRST_MIGRATION]: CREATE_COUNTER,
    [SECOND_MIGRATION]: `CREATE TABLE half (id integer);
      ALTER TABLE _prisma_migrations ADD CONSTRAINT full_up CHECK (migration_name <> '${SECOND_MIGRATION}');`,
  })
  await t.rejects(openCounterDatabase({ ...place, migrationsFolder }), {
    name: 'MigrationError',
    message: new RegExp(`^migration ${SECOND_MIGRATION} could not be applied: .*full_up`),
  })
  writeMigrations(migrationsFolder, { [SECOND_MIGRATION]: ADD_NOTE })
  await use(openCounterDatabase({ ...place, migrationsFolder }), async (database) => {
    t.strictSame(await database.sql(HAS_TABLE, ['half']), [{ found: false }])
  })
})

await onPostgresql(
  t,
  'a connection lost in the middle of a migration leaves nothing and is named',
  async (t, makePlace) => {
    const place = await makePlace('empty')
    const migrationsFolder = writeMigrations(temporaryFolder(t), {
      [FIRST_MIGRATION]: 'CREATE TABLE half (id integer); SELECT pg_terminate_backend(pg_backend_pid());',
    })
    const error: unknown = await openCounterDatabase({ ...place, migrationsFolder }).catch((thrown: unknown) => thrown)
    t.type(error, MigrationError)
    t.match(error, { message: new RegExp(`^migration ${FIRST_MIGRATION} could not be applied`) })
    t.ok(isDatabaseUnavailable(error), 'and counts as a database that is away')
    const empty = temporaryFolder(t)
    await use(openCounterDatabase({ ...place, migrationsFolder: empty }), async (database) => {
      t.strictSame(await database.sql(HAS_TABLE, ['half']), [{ found: false }])
      t.strictSame(await database.sql(JOURNAL, []), [])
    })
  },
)

await onPostgresql(t, 'processes that start at once on an empty database all succeed', async (t, makePlace) => {
  const { url = '' } = await makePlace('empty')
  // Slow enough that all of them are inside at the same time; a second run of it would fail on the table.
  const scripts = { [FIRST_MIGRATION]: `SELECT pg_sleep(1); ${CREATE_COUNTER}`, [SECOND_MIGRATION]: ADD_NOTE }
  const migrationsFolder = writeMigrations(temporaryFolder(t), scripts)
  const children = Array.from({ length: 4 }, () => openInChild(url, migrationsFolder))
  const here = Array.from({ length: 2 }, () => use(openCounterDatabase({ url, migrationsFolder }), (db) => db.ping()))
  t.strictSame(await Promise.all(children), Array(4).fill('0'), 'every process')
  await Promise.all(here)
  await use(openCounterDatabase({ url, migrationsFolder }), async (database) => {
    const names = (await database.sql(JOURNAL, [])).map((row) => row['migration_name'])
    t.strictSame(names, [FIRST_MIGRATION, SECOND_MIGRATION], 'each one journaled once')
  })
})

/** Opens the database in a process of its own: its exit code, and what it complained of. */
function openInChild(url: string, migrationsFolder: string): Promise<string> {
  const child = spawn(process.execPath, [OPEN_ONCE, url, migrationsFolder], { stdio: ['ignore', 'inherit', 'pipe'] })
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString()
  })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  child.on('error', reject)
  child.on('close', (code) => resolve(`${code}${complaint && `: ${complaint}`}`))
  return promise
}
