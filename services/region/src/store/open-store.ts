// Opens a region's database and names its two handles: the whole database, and one organization's transaction.
// Prisma stops at this folder; rows of organizations are reached through tenant-transaction.ts alone.
import { fileURLToPath } from 'node:url'
import type { Database, Db } from '@meridian/database/database'
import type { EmbeddedOptions } from '@meridian/database/embedded'
import { openDatabase } from '@meridian/database/open-database'
import { PrismaClient } from './generated/client.ts'

export type RegionDatabase = Database<PrismaClient>
/** A transaction that sees one organization's rows. */
export type TenantDb = Db<PrismaClient>

const REGION_MIGRATIONS = fileURLToPath(new URL('../../../../prisma/region/migrations', import.meta.url))

export type OpenStoreOptions = {
  /** PostgreSQL's address. Absent: the embedded engine. */
  readonly url?: string | undefined
  readonly embedded?: EmbeddedOptions
  readonly poolSize?: number
  readonly onMigration?: (name: string) => void
  readonly onPoolError?: (error: Error) => void
}

export function openRegionStore(options: OpenStoreOptions): Promise<RegionDatabase> {
  return openDatabase({
    ...options,
    migrationsFolder: REGION_MIGRATIONS,
    createClient: (adapter) => new PrismaClient({ adapter, errorFormat: 'minimal' }),
  })
}
