// What a service's own tables, those that `onChanges` writes, have otherwise than the replica itself.
import { FEED_KINDS, type FeedKind } from '@meridian/protocol/feed'
import type { DriftRow } from '@meridian/protocol/sync-orders'
import type { ReplicaQuery } from './replica-database.ts'
import { keyOf, type ToldEntry } from './replica-entry.ts'
import { boundsOf, type Difference, type Span } from './replica-spans.ts'

/** Ids of a kind after `after`, through `through`, by their bytes. */
export interface KindSpan {
  kind: FeedKind
  after: string
  through: string
}

/** missing: only `replica_entity` has it. extra: only the service's own tables have it. */
export interface OwnDifference {
  id: string
  what: DriftRow['what']
}

export type ListOwnDifferences = (query: ReplicaQuery, span: KindSpan) => Promise<readonly OwnDifference[]>

export interface OwnTables {
  agree(query: ReplicaQuery, span: Span): Promise<boolean>
  /** With these differences what the service's own tables have otherwise. */
  addTo(
    query: ReplicaQuery,
    span: Span,
    found: { differences: readonly Difference[]; told: readonly ToldEntry[] },
  ): Promise<Difference[]>
}

/** No id has such a byte. */
const BEYOND_IDS = '\u007f'

export function createOwnTables(list: ListOwnDifferences = async () => []): OwnTables {
  return {
    agree: async (query, span) => {
      for (const kindSpan of kindSpansOf(span)) if ((await list(query, kindSpan)).length > 0) return false
      return true
    },
    addTo: async (query, span, { differences, told }) => {
      const all = new Map(differences.map((row) => [keyOf(row), row]))
      const toldByKey = new Map(told.map((entry) => [keyOf(entry), entry]))
      for (const kindSpan of kindSpansOf(span)) {
        for (const { id, what } of await list(query, kindSpan)) {
          const key = { kind: kindSpan.kind, id }
          const row = all.get(keyOf(key)) ?? heldAsTold(key, toldByKey.get(keyOf(key)))
          all.set(keyOf(key), { ...row, own: what })
        }
      }
      return [...all.values()]
    },
  }
}

function kindSpansOf(span: Span): KindSpan[] {
  const { from, to } = boundsOf(span)
  return FEED_KINDS.filter((kind) => from.kind <= kind && kind <= to.kind).map((kind) => ({
    kind,
    after: kind === from.kind ? from.id : '',
    through: kind === to.kind ? to.id : BEYOND_IDS,
  }))
}

function heldAsTold(key: { kind: string; id: string }, entry: ToldEntry | undefined): Difference {
  const held = entry === undefined ? null : { epoch: entry.epoch, revision: entry.revision }
  return { ...key, held, gone: null, revision: held?.revision ?? null, own: null }
}
