// The rows of `revocation` as one region may see them, without waiting for anybody. A row is news to whoever has a
// snapshot in which its transaction is not visible: neither a transaction that stays open for long, which holds back
// whatever reads below xmin, nor one that commits late, whose rows an id cursor has passed by, makes a difference.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

/** Of a database that has seen nothing. */
export const EMPTY_SNAPSHOT = '1:1:'

const momentSchema = z.object({ snapshot: z.string(), era: z.string(), now: z.number() })
/** What a statement saw: its snapshot (`pg_snapshot`), the era that snapshots belong to, seconds of the database's clock. */
export type Moment = z.infer<typeof momentSchema>

// An era ends with a restore, and with each start of the database server: after a crash or a failover it gives ids of
// transactions that never got to the disk once more, and an older snapshot would take the new ones for known.
const MOMENT = `pg_current_snapshot()::text AS snapshot,
    (SELECT epoch::text || ' ' || extract(epoch FROM pg_postmaster_start_time()) FROM deployment) AS era,
    extract(epoch FROM meridian_now())::float8 AS now`

const rowSchema = z.object({
  xid: z.string(),
  seq: z.string(),
  kind: z.string(),
  subject: z.string(),
  version: z.number().nullable(),
  status: z.string().nullable(),
})
export type RevocationRow = z.infer<typeof rowSchema>

/** A row's place in the lane's order. */
export type LanePosition = { readonly xid: string; readonly seq: string }

// A transaction of this database is below the snapshot's end; a row from another cluster's dump may not be.
export const IS_NEWS = (seen: string, region: string) => `r.xid >= pg_snapshot_xmin(${seen})
      AND NOT pg_visible_in_snapshot(r.xid, ${seen}) AND r.xid < pg_snapshot_xmax(pg_current_snapshot())
      AND (r.region IS NULL OR r.region = ${region})`

const READ_LANE: Statement = {
  name: 'read_revocation_lane',
  text: `SELECT ${MOMENT}, (SELECT coalesce(jsonb_agg(to_jsonb(page) ORDER BY page.place), '[]') FROM (
      SELECT r.xid::text AS xid, r.seq::text AS seq, r.kind, r.subject, r.version, r.status,
        row_number() OVER (ORDER BY r.xid, r.seq) AS place
      FROM revocation r
      WHERE ${IS_NEWS('$2::text::pg_snapshot', '$1::text')}
        AND ($3::text IS NULL OR r.xid < pg_snapshot_xmax($3::text::pg_snapshot))
        AND (r.xid, r.seq) > ($4::text::xid8, $5::text::bigint)
      ORDER BY r.xid, r.seq LIMIT $6::integer) page) AS rows`,
}

export type LaneQuestion = {
  readonly region: string
  readonly seen: string
  /** Of rows that begin later the next round tells. */
  readonly until: string | null
  readonly after: LanePosition | null
  readonly limit: number
}

/** The rows that are not visible in the snapshot `seen`, in the lane's order. */
export async function readRevocationLane(
  db: IdentityDb,
  { region, seen, until, after, limit }: LaneQuestion,
): Promise<Moment & { readonly rows: readonly RevocationRow[] }> {
  const [row] = await db.sql(READ_LANE, [region, seen, until, after?.xid ?? '0', after?.seq ?? '0', limit])
  return momentSchema.extend({ rows: z.array(rowSchema) }).parse(row)
}

const closedSchema = z.object({ id: z.string(), status: z.string(), version: z.number() })
export type ClosedOrganization = z.infer<typeof closedSchema>

const READ_CLOSED: Statement = {
  name: 'read_closed_in_region',
  text: `SELECT ${MOMENT},
      (SELECT coalesce(jsonb_agg(kid), '[]') FROM signing_key WHERE compromised) AS kids,
      (SELECT coalesce(jsonb_agg(to_jsonb(page) ORDER BY page.id), '[]') FROM (
        SELECT o.id, CASE WHEN x.status = 'active' THEN o.status ELSE 'deleted' END AS status, o.version
        FROM organization_region x JOIN organization o ON o.id = x.org_id
        WHERE x.region = $1::text AND (x.status <> 'active' OR o.status <> 'active')
          AND ($2::uuid IS NULL OR o.id > $2::uuid)
        ORDER BY o.id LIMIT $3::integer) page) AS organizations`,
}

/** Organizations that a region serves nobody of, by id, and the keys that were compromised: as they are now. */
export async function readClosedInRegion(
  db: IdentityDb,
  region: string,
  after: string | null,
  limit: number,
): Promise<Moment & { readonly kids: readonly string[]; readonly organizations: readonly ClosedOrganization[] }> {
  const [row] = await db.sql(READ_CLOSED, [region, after, limit])
  return momentSchema.extend({ kids: z.array(z.string()), organizations: z.array(closedSchema) }).parse(row)
}
