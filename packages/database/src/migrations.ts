// Applies migrations in Prisma's folder format and its `_prisma_migrations` table, so that `prisma migrate
// deploy` and this runner can take turns. Safe when several processes start at once: one advisory lock.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The lock that Prisma's own migrate takes, so that the two exclude each other. */
const ADVISORY_LOCK_ID = 72707369

const JOURNAL = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz,
  migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`

/** One connection, for the length of a migration run. */
export interface MigrationConnection {
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  /** Runs a script of several statements. */
  execute(script: string): Promise<void>
}

export type Migration = { readonly name: string; readonly script: string; readonly checksum: string }

export class MigrationError extends Error {
  override name = 'MigrationError'
}

/** Reads `<folder>/<timestamp>_<name>/migration.sql`, oldest first. */
export async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const scripts = names.sort().map(async (name) => {
    const script = await readFile(join(folder, name, 'migration.sql'), 'utf8')
    return { name, script, checksum: createHash('sha256').update(script).digest('hex') }
  })
  return Promise.all(scripts)
}

/**
 * Brings the database up to date; each migration and its journal row are one transaction.
 * Throws MigrationError where an applied migration was edited since, or one is marked failed. A migration
 * that this build does not know is left alone: the database may already serve a newer build.
 */
export async function applyMigrations(
  connection: MigrationConnection,
  migrations: readonly Migration[],
  onApply: (name: string) => void = () => {},
): Promise<void> {
  await connection.query(`SELECT pg_advisory_lock(${ADVISORY_LOCK_ID})`)
  try {
    await connection.execute(JOURNAL)
    const applied = await readJournal(connection)
    for (const migration of migrations) {
      const checksum = applied.get(migration.name)
      if (checksum === undefined) {
        onApply(migration.name)
        await applyOne(connection, migration)
      } else if (checksum !== migration.checksum) {
        throw new MigrationError(
          `migration ${migration.name} was edited after it was applied: restore the file and write a new migration`,
        )
      }
    }
  } finally {
    // Where the connection is gone, so is the lock, and what went wrong before is the error to report.
    await connection.query(`SELECT pg_advisory_unlock(${ADVISORY_LOCK_ID})`).catch(() => {})
  }
}

async function readJournal(connection: MigrationConnection): Promise<Map<string, string>> {
  const rows = await connection.query(
    'SELECT migration_name, checksum, finished_at IS NOT NULL AS finished FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  )
  const applied = new Map<string, string>()
  for (const row of rows) {
    if (row['finished'] !== true) {
      throw new MigrationError(`migration ${String(row['migration_name'])} failed earlier: resolve it before starting`)
    }
    applied.set(String(row['migration_name']), String(row['checksum']))
  }
  return applied
}

async function applyOne(connection: MigrationConnection, migration: Migration): Promise<void> {
  await connection.execute('BEGIN')
  try {
    await connection.execute(migration.script)
    await connection.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES (gen_random_uuid()::text, $1, $2, now(), 1)`,
      [migration.checksum, migration.name],
    )
    await connection.execute('COMMIT')
  } catch (error) {
    await connection.execute('ROLLBACK').catch(() => {})
    throw new MigrationError(`migration ${migration.name} could not be applied: ${String(error)}`, { cause: error })
  }
}
