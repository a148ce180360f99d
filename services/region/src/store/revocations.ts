// Where what was revoked survives a restart: one row a subject, and the place in the centre's lane beside it.
import type { Statement } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import { REVOCATION_KEPT_SECONDS, type Revocation, revocationSchema } from '@meridian/protocol/revocations'
import type { RevocationStore } from '@meridian/resource-server/revocation-follower'
import type { RegionDatabase } from './open-store.ts'

type Row = {
  readonly kind: string
  readonly subject: string
  readonly version: number | null
  readonly status: string | null
}

const FORGET_STATES: Statement = {
  name: 'forget_revoked_states',
  text: "DELETE FROM revocation WHERE kind IN ('membership', 'organization')",
}

// The newest of several in one go; an older one than is stored changes nothing.
const KEEP: Statement = {
  name: 'keep_revocations',
  text: `INSERT INTO revocation AS known (kind, subject, version, status, told_at)
    SELECT DISTINCT ON (n.kind, n.subject) n.kind, n.subject, n.version, n.status, $2::timestamptz
    FROM jsonb_to_recordset($1::text::jsonb) AS n (kind text, subject text, version integer, status text)
    ORDER BY n.kind, n.subject, n.version DESC NULLS LAST
    ON CONFLICT (kind, subject) DO UPDATE
      SET version = excluded.version, status = excluded.status, told_at = excluded.told_at
      WHERE excluded.version > known.version`,
}

/** No token is left that these could refuse. A closed organization and a compromised key stay what they are. */
const FORGET_OVER: Statement = {
  name: 'forget_revocations_that_are_over',
  text: `DELETE FROM revocation WHERE told_at < $1::timestamptz
    AND (kind IN ('session', 'membership') OR status = 'active')`,
}

export function createRevocationStore(database: RegionDatabase, nowMs: () => number): RevocationStore {
  return {
    load: async () => {
      const rows = await database.prisma.revocation.findMany()
      const place = await database.prisma.revocationCursor.findUnique({ where: { id: true } })
      const parsed = rows.map((row) => revocationSchema.safeParse(membersOf(row)))
      const revocations = parsed.flatMap(({ data }) => (data === undefined ? [] : [data]))
      // A row that cannot be read is told again with everything else.
      return { revocations, cursor: revocations.length === rows.length ? (place?.cursor ?? null) : null }
    },
    save: ({ revocations, cursor, replaces }) =>
      withTransaction(database, async (db) => {
        const now = nowMs()
        if (replaces) await db.sql(FORGET_STATES, [])
        if (revocations.length > 0) await db.sql(KEEP, [JSON.stringify(revocations.map(rowOf)), instant(now)])
        await db.sql(FORGET_OVER, [instant(now - REVOCATION_KEPT_SECONDS * 1000)])
        await db.prisma.revocationCursor.upsert({ where: { id: true }, create: { cursor }, update: { cursor } })
      }),
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}

function rowOf(revocation: Revocation): Row {
  const plain = { kind: revocation.kind, version: null, status: null }
  switch (revocation.kind) {
    case 'session':
      return { ...plain, subject: revocation.sid }
    case 'key':
      return { ...plain, subject: revocation.kid }
    case 'membership':
      return { ...plain, subject: revocation.mid, version: revocation.version }
    case 'organization':
      return { ...plain, subject: revocation.org_id, version: revocation.version, status: revocation.status }
  }
}

function membersOf({ kind, subject, version, status }: Row): unknown {
  switch (kind) {
    case 'session':
      return { kind, sid: subject }
    case 'membership':
      return { kind, mid: subject, version }
    case 'organization':
      return { kind, org_id: subject, version, status }
    default:
      return { kind, kid: subject }
  }
}
