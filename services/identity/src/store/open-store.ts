// Opens the identity database and names the handle that every store function takes first.
// Prisma stops at this folder; the statements that decide security are single SQL statements here.
import { fileURLToPath } from 'node:url'
import type { Database, Db } from '@meridian/database/database'
import type { EmbeddedOptions } from '@meridian/database/embedded'
import { openDatabase } from '@meridian/database/open-database'
import { PrismaClient } from './generated/client.ts'

export type IdentityDb = Db<PrismaClient>
export type IdentityDatabase = Database<PrismaClient>

export const IDENTITY_MIGRATIONS = fileURLToPath(new URL('../../../../prisma/identity/migrations', import.meta.url))

export type OpenStoreOptions = {
  /** PostgreSQL's address. Absent: the embedded engine. */
  readonly url?: string | undefined
  readonly embedded?: EmbeddedOptions
  readonly poolSize?: number
  readonly onMigration?: (name: string) => void
  readonly onPoolError?: (error: Error) => void
}

export function openIdentityStore(options: OpenStoreOptions): Promise<IdentityDatabase> {
  return openDatabase({
    ...options,
    migrationsFolder: IDENTITY_MIGRATIONS,
    createClient: (adapter) => new PrismaClient({ adapter, errorFormat: 'minimal' }),
  })
}
