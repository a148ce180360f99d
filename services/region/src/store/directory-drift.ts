// Whether the tables that requests read are what the change feed told. Both are written in one transaction, so one
// statement that reads both finds nothing but what somebody else has done.
import type { Statement } from '@meridian/database/database'
import type { FeedKind } from '@meridian/protocol/feed'
import type { KindSpan, OwnDifference } from '@meridian/resource-server/replica-own-tables'
import { z } from 'zod'
import { DIRECTORY_TABLES, type DirectoryTable } from './directory-tables.ts'
import type { Query } from './replica-news.ts'

/** What is beyond them the next comparison finds. */
const ROWS_MAX = 2000
const FIRST_UUID = "'00000000-0000-0000-0000-000000000000'::uuid"
const LAST_UUID = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"

const inSpan = (id: string) => `${id} COLLATE "C" > $1::text AND ${id} COLLATE "C" <= $2::text`

/** The same span for the index of a key that is no text, where its ends are keys. */
const NEAR_SPAN = {
  uuid: (key: string) => `${key} BETWEEN coalesce(uuid_or_null($1::text), ${FIRST_UUID})
        AND coalesce(uuid_or_null($2::text), ${LAST_UUID})`,
  text: () => 'true',
} as const

function compareTable({ kind, table, key, keyType, columns }: DirectoryTable): Statement {
  const own = Object.keys(columns).map((name) => `x.${name}`)
  return {
    name: `list_differences_of_${kind}`,
    text: `SELECT coalesce(t.id, x.told_id) AS id,
      CASE WHEN x.told_id IS NULL THEN 'missing' WHEN t.id IS NULL THEN 'extra' ELSE 'different' END AS what
      FROM (SELECT e.id, e.state FROM replica_entity e
        WHERE e.kind = '${kind}' AND e.state IS NOT NULL AND ${inSpan('e.id')}) t
      FULL JOIN (SELECT o.${key}::text COLLATE "C" AS told_id, o.* FROM ${table} o
        WHERE ${NEAR_SPAN[keyType](`o.${key}`)} AND ${inSpan(`o.${key}::text`)}) x ON x.told_id = t.id
      WHERE t.id IS NULL OR x.told_id IS NULL
        OR ROW(${own.join(', ')}) IS DISTINCT FROM ROW(${Object.values(columns).join(', ')})
      ORDER BY 1 LIMIT ${ROWS_MAX}`,
  }
}

const COMPARE = Object.fromEntries(DIRECTORY_TABLES.map((table) => [table.kind, compareTable(table)])) as Record<
  FeedKind,
  Statement
>

const differenceSchema = z.object({ id: z.string(), what: z.enum(['missing', 'extra', 'different']) })

/** By id; 2,000 at most. */
export async function listDirectoryDifferences(
  query: Query,
  { kind, after, through }: KindSpan,
): Promise<readonly OwnDifference[]> {
  return z.array(differenceSchema).parse(await query(COMPARE[kind], [after, through]))
}
