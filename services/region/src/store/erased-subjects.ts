// Erasing: the tombstone first, then the rows, in batches. A request that was let in before cannot write after it: a
// tenant's transaction holds a lock (tenant-transaction.ts) that the tombstone waits for, and the next one sees it. What
// the feed told of them is directory-erasure.ts; it takes turns with the feed in the same way.
import type { Statement } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import type { OrgId } from '@meridian/protocol/ids'
import { z } from 'zod'
import { eraseOrganizationFromDirectory, erasePersonFromDirectory } from './directory-erasure.ts'
import type { RegionDatabase } from './open-store.ts'
import { takeTurns } from './replica-news.ts'
import { organizationLock, withTenant } from './tenant-transaction.ts'

const erasedSchema = z.object({ kind: z.enum(['user', 'organization']), subjectId: z.uuid() })
export type ErasedSubject = z.infer<typeof erasedSchema>

const WAIT_FOR_TENANTS: Statement = {
  name: 'wait_for_transactions_of_organization',
  text: `SELECT true AS waited FROM pg_advisory_xact_lock(${organizationLock('$1::text')})`,
}

/** Longer than a request may take, so that those under way can end. */
const PATIENCE: Statement = {
  name: 'wait_longer_to_erase',
  text: "SELECT set_config('lock_timeout', '8s', true), set_config('statement_timeout', '10s', true)",
}
const TRANSACTION_TIMEOUT_MS = 15_000

/** From when this resolves nothing of the subject is written here any more, and of a person nothing is left. */
export function entomb(database: RegionDatabase, { kind, subjectId }: ErasedSubject): Promise<void> {
  return withTransaction(
    database,
    async (db) => {
      await db.sql(PATIENCE, [])
      if (kind === 'organization') await db.sql(WAIT_FOR_TENANTS, [subjectId])
      await takeTurns(db.sql)
      await db.prisma.erasedSubject.createMany({ data: { kind, subjectId }, skipDuplicates: true })
      if (kind === 'user') await erasePersonFromDirectory(db.sql, subjectId)
    },
    { timeoutMs: TRANSACTION_TIMEOUT_MS },
  )
}

// A tombstone of another process of this region may commit a while after it was written.
const LIST_ERASED: Statement = {
  name: 'list_erased_subjects',
  text: `SELECT kind, subject_id::text AS "subjectId" FROM erased_subject
    WHERE $1::boolean OR erased_at > clock_timestamp() - interval '10 minutes'`,
}

/** All of them, or those of the last ten minutes. */
export async function listErasedSubjects(
  database: RegionDatabase,
  which: 'all' | 'recent',
): Promise<readonly ErasedSubject[]> {
  const rows = await database.sql(LIST_ERASED, [which === 'all'])
  return rows.map((row) => erasedSchema.parse(row))
}

const LIST_AMONG: Statement = {
  name: 'list_erased_among',
  text: `SELECT DISTINCT subject_id::text AS id FROM erased_subject
    WHERE subject_id IN (SELECT jsonb_array_elements_text($1::text::jsonb)::uuid) ORDER BY 1`,
}
const erasedIdSchema = z.object({ id: z.uuid() })

export async function listErasedAmong(database: RegionDatabase, ids: readonly string[]): Promise<readonly string[]> {
  if (ids.length === 0) return []
  return (await database.sql(LIST_AMONG, [JSON.stringify(ids)])).map((row) => erasedIdSchema.parse(row).id)
}

const BATCH_ROWS = 500
/** Every table that holds rows that organizations have written; each has an `id`. */
const TABLES = ['record'] as const

const DELETE_ROWS: readonly Statement[] = TABLES.map((table) => ({
  name: `erase_${table}`,
  text: `DELETE FROM ${table} WHERE id IN (SELECT id FROM ${table} WHERE org_id = $1::uuid LIMIT ${BATCH_ROWS})
    RETURNING 1 AS gone`,
}))

/** Deletes all that an organization has written, and what the feed told of it. Resolves to how many rows went. */
export async function deleteOrganization(database: RegionDatabase, orgId: OrgId): Promise<number> {
  return (await deleteOrganizationRows(database, orgId)) + (await eraseOrganizationFromDirectory(database, orgId))
}

/** As that organization's role. */
async function deleteOrganizationRows(database: RegionDatabase, orgId: OrgId): Promise<number> {
  let total = 0
  for (const statement of DELETE_ROWS) {
    for (let gone = BATCH_ROWS; gone > 0; total += gone) {
      gone = await withTenant(database, orgId, async (db) => {
        await db.sql(PATIENCE, [])
        return (await db.sql(statement, [orgId])).length
      })
    }
  }
  return total
}
