// What the tests of packages/database open: one small table, migrated by the package itself, and a generated
// client that knows nothing of it (raw queries only).
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Database, Db } from '@meridian/database/database'
import type { EmbeddedOptions } from '@meridian/database/embedded'
import { type OpenOptions, openDatabase } from '@meridian/database/open-database'
import type { Test } from 'tap'
import { PrismaClient } from '../../services/identity/src/store/generated/client.ts'
import { temporaryFolder } from '../support/data-folder.ts'
import type { Place } from '../support/databases.ts'

export type CounterDatabase = Database<PrismaClient>
export type CounterDb = Db<PrismaClient>

export const CREATE_COUNTER = 'CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL);'
export const FIRST_MIGRATION = '20260101000000_create_counter'

/** Writes migrations in Prisma's folder format, replacing what stands there under the same name. */
export function writeMigrations(folder: string, scripts: Readonly<Record<string, string>>): string {
  for (const [name, script] of Object.entries(scripts)) {
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'migration.sql'), script)
  }
  return folder
}

type CounterOptions = Place & {
  readonly migrationsFolder: string
  readonly embedded?: EmbeddedOptions
} & Pick<OpenOptions<PrismaClient>, 'poolSize' | 'onPoolError' | 'onMigration'>

export function openCounterDatabase(options: CounterOptions): Promise<CounterDatabase> {
  return openDatabase({ ...options, createClient: (adapter) => new PrismaClient({ adapter }) })
}

/** Opens a database with the table `counter`, rows 1 and 2 at 0; closed when the test ends. */
export async function openCounters(
  t: Test,
  place: Place,
  options: Partial<CounterOptions> = {},
): Promise<CounterDatabase> {
  const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  const database = await openCounterDatabase({ ...place, migrationsFolder, ...options })
  t.teardown(() => database.close())
  await database.sql({ name: 'fill', text: 'INSERT INTO counter VALUES (1, 0), (2, 0) ON CONFLICT DO NOTHING' }, [])
  return database
}

export async function add(db: CounterDb, id: number, amount = 1): Promise<void> {
  const statement = { name: 'add', text: 'UPDATE counter SET value = value + $2::integer WHERE id = $1::integer' }
  await db.sql(statement, [id, amount])
}

export async function valueIn(db: CounterDb, id: number): Promise<unknown> {
  const statement = { name: 'value_of', text: 'SELECT value FROM counter WHERE id = $1::integer' }
  return (await db.sql(statement, [id]))[0]?.['value']
}
