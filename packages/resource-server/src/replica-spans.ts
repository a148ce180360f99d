// Spans of keys of the replica beside the centre's: digests, and which rows differ. What is put aside counts as held: it
// was told, and is no drift.
import type { DigestRange } from '@meridian/protocol/feed'
import type { DriftRow } from '@meridian/protocol/sync-orders'
import { z } from 'zod'
import type { ReplicaQuery } from './replica-database.ts'
import type { ToldEntry } from './replica-entry.ts'
import type { EntityKey } from './replica-rows.ts'

/** After `after`, through `through`; null: from the first, to the last. */
export type Span = Pick<DigestRange, 'after' | 'through'>

// No kind is empty, and none has a byte as high as a tilde.
const FIRST: EntityKey = { kind: '', id: '' }
const LAST: EntityKey = { kind: '~', id: '' }

const inSpan = (row: string) =>
  `(${row}.kind, ${row}.id) > ($1::text, $2::text) AND (${row}.kind, ${row}.id) <= ($3::text, $4::text)`

const HELD = `SELECT e.kind, e.id, e.epoch, e.revision, e.state FROM replica_entity e
    WHERE e.state IS NOT NULL AND ${inSpan('e')}
      AND NOT EXISTS (SELECT FROM replica_parked p WHERE p.kind = e.kind AND p.id = e.id)
  UNION ALL SELECT p.kind, p.id, p.epoch, p.revision, p.state FROM replica_parked p
    WHERE p.state IS NOT NULL AND ${inSpan('p')}`

/** More than a range of the centre's has: such a span differs, whatever its rows are. */
const DIGESTED_MAX = 4000

const DIGEST = `SELECT count(*)::text AS count, coalesce(sum(('x' || left(encode(sha256(convert_to(
    h.kind || E'\\n' || h.id || E'\\n' || h.revision || E'\\n' || h.state::text, 'UTF8')), 'hex'), 15))::bit(60)::bigint), 0)::text AS digest
  FROM (SELECT * FROM (${HELD}) AS held LIMIT ${DIGESTED_MAX}) AS h`
const digestSchema = z.object({ count: z.string().transform(Number), digest: z.string() })

export async function holdsAsTold(query: ReplicaQuery, range: DigestRange): Promise<boolean> {
  const [row] = await query(DIGEST, valuesOf(range))
  const { count, digest } = digestSchema.parse(row)
  return count === range.count && digest === range.digest
}

const COUNT_HELD = `SELECT count(*)::text AS count FROM replica_entity e WHERE e.state IS NOT NULL AND ${inSpan('e')}`
const countSchema = z.object({ count: z.string().transform(Number) })

export async function countHeld(query: ReplicaQuery, span: Span): Promise<number> {
  return countSchema.parse((await query(COUNT_HELD, valuesOf(span)))[0]).count
}

const NARROW = `SELECT e.kind || '/' || e.id AS through FROM replica_entity e WHERE ${inSpan('e')}
  ORDER BY e.kind, e.id OFFSET $5::text::integer LIMIT 1`
const narrowSchema = z.object({ through: z.string() })

/** Where a span has more rows than that here: the key up to which it has as many. */
export async function narrowSpan(query: ReplicaQuery, span: Span, rowsMax: number): Promise<Span> {
  const rows = z.array(narrowSchema).parse(await query(NARROW, [...valuesOf(span), String(rowsMax - 1)]))
  return { after: span.after, through: rows[0]?.through ?? span.through }
}

export interface Difference extends EntityKey {
  /** Null: not held. */
  held: { epoch: string; revision: number } | null
  /** What was told of it as gone, where it is not held: changes with each such word. Null: never, or long ago. */
  gone: string | null
  /** Null: not told. */
  revision: number | null
  /** What the service's own tables have otherwise than the replica; null where they agree. */
  own: DriftRow['what'] | null
}

const GONE = `SELECT string_agg(g.epoch || '.' || g.revision, ' ' ORDER BY g.epoch, g.revision)
  FROM (SELECT kind, id, epoch, revision, state FROM replica_entity
    UNION ALL SELECT kind, id, epoch, revision, state FROM replica_parked) AS g
  WHERE g.kind = t.kind AND g.id = t.id AND g.state IS NULL`

const DIFFER = `WITH held AS (${HELD}), told AS (SELECT t.kind, t.id, t.revision, t.state
    FROM jsonb_to_recordset($5::text::jsonb) AS t (kind text, id text, revision bigint, state jsonb))
  SELECT coalesce(h.kind, t.kind) AS kind, coalesce(h.id, t.id) AS id, h.epoch::text AS held_epoch,
    h.revision::text AS held_revision, t.revision::text AS revision,
    CASE WHEN h.kind IS NULL THEN (${GONE}) END AS gone
  FROM held h FULL JOIN told t ON t.kind = h.kind AND t.id = h.id
  WHERE h.revision IS DISTINCT FROM t.revision OR h.state::text IS DISTINCT FROM t.state::text
  ORDER BY 1, 2`
const differenceSchema = z
  .object({
    kind: z.string(),
    id: z.string(),
    held_epoch: z.string().nullable(),
    held_revision: z.string().nullable(),
    revision: z.string().nullable(),
    gone: z.string().nullable(),
  })
  .transform(
    ({ kind, id, held_epoch: epoch, held_revision: held, revision, gone }): Difference => ({
      kind,
      id,
      held: epoch === null || held === null ? null : { epoch, revision: Number(held) },
      gone,
      revision: revision === null ? null : Number(revision),
      own: null,
    }),
  )

/** What differs in a span from what the centre told of all of it. */
export async function differencesIn(
  query: ReplicaQuery,
  span: Span,
  entries: readonly ToldEntry[],
): Promise<Difference[]> {
  return z.array(differenceSchema).parse(await query(DIFFER, [...valuesOf(span), JSON.stringify(entries)]))
}

function valuesOf(span: Span): string[] {
  const { from, to } = boundsOf(span)
  return [from.kind, from.id, to.kind, to.id]
}

/** Keys after `from`, through `to`. */
export function boundsOf({ after, through }: Span): { from: EntityKey; to: EntityKey } {
  return { from: after === null ? FIRST : splitKey(after), to: through === null ? LAST : splitKey(through) }
}

/** As keys rise: by kind, then by id. */
export function isAfter(key: EntityKey, bound: string): boolean {
  const { kind, id } = splitKey(bound)
  return key.kind === kind ? key.id > id : key.kind > kind
}

function splitKey(key: string): EntityKey {
  const slash = key.indexOf('/')
  return { kind: key.slice(0, slash), id: key.slice(slash + 1) }
}
