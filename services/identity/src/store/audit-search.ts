// Events as their readers may see them. An organization's readers see what concerns it, in the regions that they have a
// say in, and who it was where that is one of its people; the platform's see what is no organization's, and what the
// platform did to organizations.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { AUDIT_COLUMNS, auditRowSchema } from './audit-rows.ts'
import type { IdentityDb } from './open-store.ts'

/** `events` takes the number of its first parameter of its own; $1 and $2 are the kind and the group of kinds. */
type Scope = { readonly name: string; readonly events: (first: number) => string; readonly isKnown: string }

const OF_ORGANIZATION: Scope = {
  name: 'org',
  events: (first) => `e.org_id = $${first}::uuid
    AND (e.region IS NULL OR $${first + 1}::text[] IS NULL OR e.region = ANY ($${first + 1}::text[]))`,
  isKnown: `(e.actor_kind = 'person' AND EXISTS (SELECT FROM membership m
    WHERE m.org_id = e.org_id AND m.user_id = e.actor_user_id))`,
}
// The first condition is that of an index; without kinds of organizations it is another's. What organizations do for
// themselves is none of the platform's.
const OF_PLATFORM: Scope = {
  name: 'platform',
  events: (first) => `(e.org_id IS NULL OR (cardinality($${first}::text[]) > 0 AND e.kind LIKE 'organization.%'))
    AND (e.org_id IS NULL OR e.kind = ANY ($${first}::text[]))`,
  isKnown: `(e.actor_kind = 'sys_admin' OR (e.actor_kind = 'person' AND e.org_id IS NULL))`,
}

const VIEW_COLUMNS = `${AUDIT_COLUMNS}, p.details AS personal, s.seq::text AS seq`
const VIEW_TABLES = `audit_event e JOIN audit_seal s ON s.event_id = e.id LEFT JOIN audit_personal p ON p.event_id = e.id`

// A kind that is rare is found by the index of kinds, one that is frequent by that of times: which, its values decide. As a
// range of bytes a group of kinds is one stretch of that index; `/` is next to `.`.
const searchIn = ({ name, events, isKnown }: Scope): Statement => ({
  name: `search_audit_of_${name}`,
  isPlannedAnew: true,
  text: `SELECT ${VIEW_COLUMNS}, ${isKnown} AS is_known FROM ${VIEW_TABLES}
    WHERE ${events(10)}
      AND ($1::text IS NULL OR e.kind COLLATE "C" = $1::text)
      AND ($2::text IS NULL OR (e.kind COLLATE "C" >= $2::text || '.' AND e.kind COLLATE "C" < $2::text || '/'))
      AND ($3::uuid IS NULL OR (e.actor_user_id = $3::uuid AND ${isKnown}))
      AND ($4::text IS NULL OR e.outcome = $4::text)
      AND e.at >= coalesce($5::timestamptz, '-infinity') AND e.at < coalesce($6::timestamptz, 'infinity')
      AND (e.at, e.id) < (coalesce($7::timestamptz, 'infinity'),
        coalesce($8::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
    ORDER BY e.at DESC, e.id DESC LIMIT $9::integer`,
})

const placeIn = ({ name, events }: Scope): Statement => ({
  name: `find_place_in_audit_of_${name}`,
  text: `SELECT e.at::text AS at, e.id::text AS id FROM audit_event e WHERE e.id = $1::uuid AND ${events(2)}`,
})

// Only what is sealed has a hash to show; what is not is younger than a few seconds.
const exportFrom = ({ name, events, isKnown }: Scope): Statement => ({
  name: `export_audit_of_${name}`,
  text: `SELECT ${VIEW_COLUMNS}, ${isKnown} AS is_known, s.chain::text AS chain, encode(s.hash, 'hex') AS hash,
      coalesce(encode(b.hash, 'hex'), repeat('00', 32)) AS previous_hash
    FROM ${VIEW_TABLES} LEFT JOIN audit_seal b ON b.chain = s.chain AND b.seq = s.seq - 1
    WHERE ${events(6)} AND s.seq IS NOT NULL AND e.at >= $1::timestamptz AND e.at < $2::timestamptz
      AND (e.at, e.id) > (coalesce($3::timestamptz, '-infinity'),
        coalesce($4::uuid, '00000000-0000-0000-0000-000000000000'::uuid))
    ORDER BY e.at, e.id LIMIT $5::integer`,
})

const SEARCH = { org: searchIn(OF_ORGANIZATION), platform: searchIn(OF_PLATFORM) }
const PLACE = { org: placeIn(OF_ORGANIZATION), platform: placeIn(OF_PLATFORM) }
const EXPORT = { org: exportFrom(OF_ORGANIZATION), platform: exportFrom(OF_PLATFORM) }

export type AuditScope =
  /** Without a list of regions: of every one. */
  | { readonly kind: 'org'; readonly orgId: string; readonly regions: readonly string[] | null }
  /** With what the platform sees of what happens to organizations. */
  | { readonly kind: 'platform'; readonly kindsOfOrganizations: readonly string[] }

function valuesOf(scope: AuditScope): readonly unknown[] {
  return scope.kind === 'org' ? [scope.orgId, scope.regions] : [scope.kindsOfOrganizations]
}

const viewSchema = auditRowSchema.extend({
  personal: z.string().nullable(),
  seq: z.coerce.number().nullable(),
  /** Whether who it was is for these readers to know. */
  is_known: z.boolean(),
})
export type AuditView = z.infer<typeof viewSchema>

export type AuditFilter = {
  readonly kind: string | null
  readonly actor: string | null
  readonly outcome: string | null
  readonly from: string | null
  readonly to: string | null
  /** The last event of the page before. */
  readonly after: AuditPlace | undefined
}

const placeSchema = z.object({ at: z.string(), id: z.string() })
export type AuditPlace = z.infer<typeof placeSchema>

/** Where an event is among those that these readers see; undefined for any other. */
export async function findAuditPlace(db: IdentityDb, scope: AuditScope, id: string): Promise<AuditPlace | undefined> {
  const [row] = await db.sql(PLACE[scope.kind], [id, ...valuesOf(scope)])
  return row === undefined ? undefined : placeSchema.parse(row)
}

/** Newest first. */
export async function searchAudit(
  db: IdentityDb,
  scope: AuditScope,
  { kind, actor, outcome, from, to, after }: AuditFilter,
  limit: number,
): Promise<readonly AuditView[]> {
  const isGroup = kind !== null && !kind.includes('.')
  const kinds = isGroup ? [null, kind] : [kind, null]
  const place = [after?.at ?? null, after?.id ?? null]
  const values = [...kinds, actor, outcome, from, to, ...place, limit, ...valuesOf(narrowed(scope, kind))]
  return (await db.sql(SEARCH[scope.kind], values)).map((row) => viewSchema.parse(row))
}

/** Of the platform's own events alone, where the kind is none of organizations. */
function narrowed(scope: AuditScope, kind: string | null): AuditScope {
  if (scope.kind === 'org' || kind === null || kind.split('.')[0] === 'organization') return scope
  return { ...scope, kindsOfOrganizations: [] }
}

const exportSchema = viewSchema.extend({
  seq: z.coerce.number(),
  chain: z.string(),
  hash: z.string(),
  previous_hash: z.string(),
})
export type AuditExportRow = z.infer<typeof exportSchema>

/** Oldest first, after the last one of the page before. */
export async function readAuditPage(
  db: IdentityDb,
  scope: AuditScope,
  range: { readonly from: string; readonly to: string },
  after: AuditPlace | undefined,
  limit: number,
): Promise<readonly AuditExportRow[]> {
  const place = [after?.at ?? null, after?.id ?? null]
  const rows = await db.sql(EXPORT[scope.kind], [range.from, range.to, ...place, limit, ...valuesOf(scope)])
  return rows.map((row) => exportSchema.parse(row))
}

const FIND_NEWEST: Statement = {
  name: 'find_newest_audit_checkpoint',
  text: 'SELECT token FROM audit_checkpoint WHERE chain = $1::uuid ORDER BY seq DESC LIMIT 1',
}

export async function findNewestCheckpoint(db: IdentityDb, chain: string): Promise<string | null> {
  const [row] = await db.sql(FIND_NEWEST, [chain])
  return row === undefined ? null : z.object({ token: z.string() }).parse(row).token
}
