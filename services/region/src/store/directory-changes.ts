// What the change feed tells, into the tables that requests read: one statement a kind, in the transaction that keeps the
// entries themselves. It is read from where they are kept, so that both agree: whoever was erased stays out of both.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { DIRECTORY_TABLES, type DirectoryTable } from './directory-tables.ts'
import { type Query, tellNews } from './replica-news.ts'

export type DirectoryChange = { readonly kind: string; readonly id: string }

const IDS = 'jsonb_array_elements_text($2::text::jsonb)'
/** A null state: to be seen no more. */
const TOLD = `told AS (SELECT t.id, e.state FROM ${IDS} AS t (id)
  LEFT JOIN replica_entity e ON e.kind = $1::text AND e.id = t.id)`

/** What is so already is not written: a rebuild tells of everything. */
function keepTable({ kind, table, key, keyType, columns }: DirectoryTable): Statement {
  const names = Object.keys(columns)
  const ofTable = (row: string) => names.map((name) => `${row}.${name}`).join(', ')
  return {
    name: `keep_told_${kind}`,
    text: `WITH ${TOLD},
      gone AS (DELETE FROM ${table} x USING told t WHERE x.${key} = t.id::${keyType} AND t.state IS NULL),
      kept AS (INSERT INTO ${table} AS x (${key}, ${names.join(', ')})
        SELECT t.id::${keyType}, ${Object.values(columns).join(', ')} FROM told t WHERE t.state IS NOT NULL
        ON CONFLICT (${key}) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}
        WHERE ROW(${ofTable('x')}) IS DISTINCT FROM ROW(${ofTable('excluded')}))
      SELECT 1 AS done`,
  }
}

const KEEP: ReadonlyMap<string, Statement> = new Map(DIRECTORY_TABLES.map((table) => [table.kind, keepTable(table)]))

/** Confirmed, or known to be over: either way there is nothing provisional about them any more. */
const SETTLE_PROVISIONAL: Statement = {
  name: 'settle_told_memberships',
  text: 'DELETE FROM provisional_membership WHERE id IN (SELECT jsonb_array_elements_text($1::text::jsonb)::uuid)',
}

const ORGANIZATIONS_OF: Statement = {
  name: 'read_organizations_of_memberships',
  text: `SELECT DISTINCT org_id::text AS id FROM membership
    WHERE id IN (SELECT jsonb_array_elements_text($1::text::jsonb)::uuid)`,
}
const idSchema = z.object({ id: z.string() })

/** For the follower of the feed: in the transaction of the entries, after them. */
export async function keepDirectoryChanges(query: Query, changes: readonly DirectoryChange[]): Promise<void> {
  const byKind = Map.groupBy(changes, ({ kind }) => kind)
  const memberships = byKind.get('membership') ?? []
  const organizations = new Set((byKind.get('entitlements') ?? []).map(({ id }) => id))
  const before = await organizationsOf(query, memberships)
  for (const [kind, statement] of KEEP) {
    const told = byKind.get(kind)
    if (told !== undefined) await query(statement, [kind, idsOf(told)])
  }
  if (memberships.length > 0) await query(SETTLE_PROVISIONAL, [idsOf(memberships)])
  for (const orgId of [...before, ...(await organizationsOf(query, memberships))]) organizations.add(orgId)
  await tellNews(query, {
    kinds: [...byKind.keys()],
    memberships: memberships.map(({ id }) => id),
    organizations: [...organizations],
  })
}

async function organizationsOf(query: Query, memberships: readonly DirectoryChange[]): Promise<readonly string[]> {
  if (memberships.length === 0) return []
  return (await query(ORGANIZATIONS_OF, [idsOf(memberships)])).map((row) => idSchema.parse(row).id)
}

function idsOf(changes: readonly DirectoryChange[]): string {
  return JSON.stringify(changes.map(({ id }) => id))
}
