// The rows of the replica: what was told of each entity last, and what is put aside. Every statement is of a set, and is
// sent while replica_place is held.
import { z } from 'zod'
import type { ReplicaQuery } from './replica-database.ts'
import { type AsideEntry, keyOf, type ToldEntry } from './replica-entry.ts'

export interface EntityKey {
  kind: string
  id: string
}

const keySchema = z.object({ kind: z.string(), id: z.string() })

// Newer wins. What is gone by an earlier generation gives way: the history that it was told from may be another one.
// Forced, whatever is otherwise is replaced, and what is so already is not written.
const PUT = `INSERT INTO replica_entity AS held (kind, id, epoch, revision, state, generation, gone_at)
  SELECT t.kind, t.id, t.epoch, t.revision, t.state, $2::text::bigint, CASE WHEN t.state IS NULL THEN clock_timestamp() END
  FROM jsonb_to_recordset($1::text::jsonb) AS t (kind text, id text, epoch bigint, revision bigint, state jsonb)
  ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, state = excluded.state,
    generation = excluded.generation, gone_at = excluded.gone_at
  WHERE (excluded.epoch, excluded.revision) > (held.epoch, held.revision)
    OR (held.state IS NULL AND held.generation < excluded.generation)
    OR ($3::boolean AND (held.state IS NULL OR held.revision <> excluded.revision
      OR held.state::text IS DISTINCT FROM excluded.state::text))
  RETURNING kind, id, state IS NULL AS gone`
const putSchema = z.array(z.object({ ...keySchema.shape, gone: z.boolean() }))

/** Resolves to those that are newer than what was held, as they are now held (a trigger may keep one out); forced: to all. */
export async function putEntries(
  query: ReplicaQuery,
  entries: readonly ToldEntry[],
  { generation, forced }: { generation: string; forced: boolean },
): Promise<ToldEntry[]> {
  if (entries.length === 0) return []
  const rows = putSchema.parse(await query(PUT, [JSON.stringify(entries), generation, forced]))
  const put = new Map(rows.map((row) => [keyOf(row), row]))
  return entries.flatMap((entry) => {
    const row = put.get(keyOf(entry))
    if (row === undefined) return forced ? [entry] : []
    return [row.gone ? { ...entry, state: null } : entry]
  })
}

const PARK = `INSERT INTO replica_parked AS held (kind, id, epoch, revision, state, reason, generation)
  SELECT t.kind, t.id, t.epoch, t.revision, t.state, t.reason, $2::text::bigint
  FROM jsonb_to_recordset($1::text::jsonb)
    AS t (kind text, id text, epoch bigint, revision bigint, state jsonb, reason text)
  WHERE $3::boolean OR NOT EXISTS (SELECT FROM replica_entity e WHERE e.kind = t.kind AND e.id = t.id
    AND (e.epoch, e.revision) >= (t.epoch, t.revision)
    AND NOT (e.state IS NULL AND e.generation < $2::text::bigint))
  ON CONFLICT (kind, id) DO UPDATE SET epoch = excluded.epoch, revision = excluded.revision, state = excluded.state,
    reason = excluded.reason, generation = excluded.generation, parked_at = excluded.parked_at
  WHERE $3::boolean OR (excluded.epoch, excluded.revision) >= (held.epoch, held.revision)
    OR (held.state IS NULL AND held.generation < excluded.generation)`

export async function parkEntries(
  query: ReplicaQuery,
  entries: readonly AsideEntry[],
  { generation, forced }: { generation: string; forced: boolean },
): Promise<void> {
  if (entries.length > 0) await query(PARK, [JSON.stringify(entries), generation, forced])
}

const UNPARK = `DELETE FROM replica_parked p USING jsonb_to_recordset($1::text::jsonb) AS t (kind text, id text)
  WHERE p.kind = t.kind AND p.id = t.id AND ($2::boolean OR EXISTS (SELECT FROM replica_entity e
    WHERE e.kind = p.kind AND e.id = p.id AND (e.epoch, e.revision) >= (p.epoch, p.revision)))`

/** Of these entities, what was put aside and is not newer than what is held; forced: all of it. */
export async function unparkEntries(query: ReplicaQuery, keys: readonly EntityKey[], forced: boolean): Promise<void> {
  if (keys.length > 0) await query(UNPARK, [keysOf(keys), forced])
}

const DROP = `UPDATE replica_entity e
  SET epoch = $2::text::bigint, revision = 0, state = NULL, generation = $3::text::bigint, gone_at = clock_timestamp()
  FROM jsonb_to_recordset($1::text::jsonb) AS t (kind text, id text)
  WHERE e.kind = t.kind AND e.id = t.id AND e.state IS NOT NULL
  RETURNING e.kind, e.id`

/** These are gone by the centre's own list. Resolves to the keys of those that were held. */
export async function dropEntries(
  query: ReplicaQuery,
  keys: readonly EntityKey[],
  { epoch, generation }: { epoch: string; generation: string },
): Promise<ReadonlySet<string>> {
  if (keys.length === 0) return new Set()
  return new Set(
    z
      .array(keySchema)
      .parse(await query(DROP, [keysOf(keys), epoch, generation]))
      .map(keyOf),
  )
}

const COUNT_PARKED = 'SELECT kind, count(*)::text AS parked FROM replica_parked GROUP BY kind'
const countSchema = z.object({ kind: z.string(), parked: z.string().transform(Number) })

export async function countParked(query: ReplicaQuery): Promise<ReadonlyMap<string, number>> {
  const rows = z.array(countSchema).parse(await query(COUNT_PARKED, []))
  return new Map(rows.map(({ kind, parked }) => [kind, parked]))
}

const LIST_PARKED = `SELECT kind, id, epoch::text, revision::text, state FROM replica_parked
  WHERE (kind, id) > ($1::text, $2::text) ORDER BY kind, id LIMIT 500`
const parkedSchema = z.object({
  ...keySchema.shape,
  epoch: z.string(),
  revision: z.string().transform(Number),
  state: z.record(z.string(), z.unknown()).nullable(),
})

/** A page of what is put aside, by key. */
export async function listParked(query: ReplicaQuery, after: EntityKey): Promise<ToldEntry[]> {
  return z.array(parkedSchema).parse(await query(LIST_PARKED, [after.kind, after.id]))
}

// Long after any word of before could still come.
const FORGET_GONE = `DELETE FROM replica_entity WHERE (kind, id) IN (SELECT kind, id FROM replica_entity
  WHERE gone_at < clock_timestamp() - interval '7 days' LIMIT 1000) RETURNING kind`
const FORGET_PARKED = `DELETE FROM replica_parked
  WHERE state IS NULL AND parked_at < clock_timestamp() - interval '7 days'`

/** Forgets what was gone a week ago, a batch. Resolves to whether more may be left. */
export async function forgetGone(query: ReplicaQuery): Promise<boolean> {
  await query(FORGET_PARKED, [])
  return (await query(FORGET_GONE, [])).length > 0
}

function keysOf(keys: readonly EntityKey[]): string {
  return JSON.stringify(keys.map(({ kind, id }) => ({ kind, id })))
}
