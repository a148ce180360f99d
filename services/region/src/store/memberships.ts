// Members as the change feed tells them, and those whom only a token has named so far.
import type { Statement } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import type { MembershipId, OrgId, UserId } from '@meridian/protocol/ids'
import { type Role, roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import type { RegionDatabase, TenantDb } from './open-store.ts'
import { appliedSchema, LATEST_NEWS, takeTurns, tellNews, waitBetweenTurns } from './replica-news.ts'

/** What is known of a membership id, and up to which news. */
export type MembershipFact =
  | { readonly kind: 'unknown' }
  /** To be seen here no more. */
  | { readonly kind: 'gone' }
  | {
      readonly kind: 'held'
      readonly userId: string
      readonly orgId: string
      readonly version: number
      readonly status: 'active' | 'suspended'
    }
  | {
      readonly kind: 'provisional'
      readonly userId: string
      readonly orgId: string
      readonly version: number
      readonly issuedAtMs: number
      readonly isDropped: boolean
    }

const FIND: Statement = {
  name: 'find_membership_fact',
  text: `SELECT ${LATEST_NEWS} AS applied, f.*
    FROM (VALUES (1)) one (row) LEFT JOIN LATERAL (
      SELECT 1 AS place, 'held' AS kind, m.user_id::text, m.org_id::text, m.version, m.status, NULL::float8 AS issued_ms,
        false AS is_dropped FROM membership m WHERE m.id = $1::uuid
      UNION ALL SELECT 2, 'gone', NULL, NULL, NULL, NULL, NULL, NULL
        FROM replica_entity e WHERE e.kind = 'membership' AND e.id = $1::text AND e.state IS NULL
      UNION ALL SELECT 3, 'provisional', p.user_id::text, p.org_id::text, p.version, NULL,
        extract(epoch FROM p.issued_at)::float8 * 1000, p.dropped_at IS NOT NULL
        FROM provisional_membership p WHERE p.id = $1::uuid
      ORDER BY 1 LIMIT 1) f ON true`,
}

const factSchema = z
  .object({
    applied: appliedSchema,
    kind: z.enum(['held', 'gone', 'provisional']).nullable(),
    user_id: z.string().nullable(),
    org_id: z.string().nullable(),
    version: z.int().nullable(),
    status: z.enum(['active', 'suspended']).nullable(),
    issued_ms: z.number().nullable(),
    is_dropped: z.boolean().nullable(),
  })
  .transform((row): { applied: number; fact: MembershipFact } => {
    const { applied, kind } = row
    if (kind === null || kind === 'gone') return { applied, fact: { kind: kind ?? 'unknown' } }
    const common = { userId: row.user_id ?? '', orgId: row.org_id ?? '', version: row.version ?? 0 }
    if (kind === 'held') return { applied, fact: { kind, ...common, status: row.status ?? 'suspended' } }
    return { applied, fact: { kind, ...common, issuedAtMs: row.issued_ms ?? 0, isDropped: row.is_dropped ?? true } }
  })

export async function findMembershipFact(database: RegionDatabase, id: MembershipId) {
  const [row] = await database.sql(FIND, [id])
  return factSchema.parse(row)
}

export type TokenMember = {
  readonly id: MembershipId
  readonly orgId: OrgId
  readonly userId: UserId
  readonly role: Role
  readonly version: number
  readonly issuedAtMs: number
}

// Never over what the feed has told, nor over somebody erased. One that was dropped begins again with a newer token.
const TAKE_PROVISIONALLY: Statement = {
  name: 'take_membership_provisionally',
  text: `INSERT INTO provisional_membership AS known (id, org_id, user_id, role, version, issued_at, first_seen_at)
    SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::integer, $6::timestamptz, $7::timestamptz
    WHERE NOT EXISTS (SELECT FROM membership m WHERE m.id = $1::uuid)
      AND NOT EXISTS (SELECT FROM replica_entity e WHERE e.kind = 'membership' AND e.id = $1::uuid::text AND e.state IS NULL)
      AND NOT EXISTS (SELECT FROM erased_subject e
        WHERE (e.kind, e.subject_id) IN (('user', $3::uuid), ('organization', $2::uuid)))
    ON CONFLICT (id) DO UPDATE SET role = excluded.role, version = excluded.version, issued_at = excluded.issued_at,
      first_seen_at = CASE WHEN known.dropped_at IS NULL THEN known.first_seen_at ELSE excluded.first_seen_at END,
      caught_up_at = CASE WHEN known.dropped_at IS NULL THEN known.caught_up_at END,
      dropped_at = NULL
      WHERE excluded.issued_at > known.issued_at AND excluded.version >= known.version
        AND excluded.user_id = known.user_id AND excluded.org_id = known.org_id`,
}

/** Lets a member act until the feed tells of them. Between turns: it sees an erasure, or the erasure sees its row. */
export function takeProvisionally(database: RegionDatabase, member: TokenMember, nowMs: number): Promise<void> {
  const { id, orgId, userId, role, version, issuedAtMs } = member
  const values = [id, orgId, userId, role, version, instant(issuedAtMs), instant(nowMs)]
  return withTransaction(database, async ({ sql }) => {
    await waitBetweenTurns(sql)
    await sql(TAKE_PROVISIONALLY, values)
  })
}

const CATCH_UP: Statement = {
  name: 'note_that_feed_caught_up',
  text: `UPDATE provisional_membership SET caught_up_at = $1::timestamptz
    WHERE caught_up_at IS NULL AND dropped_at IS NULL AND first_seen_at < $1::timestamptz`,
}
const DROP: Statement = {
  name: 'drop_unconfirmed_memberships',
  text: `UPDATE provisional_membership SET dropped_at = $1::timestamptz
    WHERE dropped_at IS NULL AND caught_up_at <= $1::timestamptz - make_interval(secs => $2::float8)
    RETURNING id::text`,
}
/** A day after nothing is left of the tokens that it refuses. */
const FORGET: Statement = {
  name: 'forget_provisional_memberships',
  text: "DELETE FROM provisional_membership WHERE issued_at < $1::timestamptz - interval '1 day'",
}
const idSchema = z.object({ id: z.string() })

const HOLDS: Statement = {
  name: 'holds_provisional_memberships',
  text: 'SELECT EXISTS (SELECT FROM provisional_membership) AS is_so',
}

/** Drops whom the feed has not confirmed `patienceSeconds` after it was at its end. Resolves to how many that were. */
export function dropUnconfirmed(
  database: RegionDatabase,
  times: { caughtUpAtMs: number | null; nowMs: number; patienceSeconds: number },
): Promise<number> {
  const now = instant(times.nowMs)
  return withTransaction(database, async (db) => {
    const [holds] = await db.sql(HOLDS, [])
    if (holds?.['is_so'] !== true) return 0
    // Before any row is locked: whoever applies the feed has the turn when it comes to these rows.
    await takeTurns(db.sql)
    if (times.caughtUpAtMs !== null) await db.sql(CATCH_UP, [instant(times.caughtUpAtMs)])
    const dropped = (await db.sql(DROP, [now, times.patienceSeconds])).map((row) => idSchema.parse(row).id)
    await db.sql(FORGET, [now])
    if (dropped.length > 0) await tellNews(db.sql, { kinds: [], memberships: dropped, organizations: [] })
    return dropped.length
  })
}

export type MemberRow = {
  readonly id: string
  readonly userId: string
  readonly role: Role
  readonly status: 'active' | 'suspended'
  readonly displayName: string | null
  /** Null where the feed has not told of the person yet. */
  readonly name: string | null
}

const roleAndStatusSchema = z.object({ role: roleSchema, status: z.enum(['active', 'suspended']) })

/** Oldest id first, after `after` where given. Inside the organization's transaction, which sees its own people alone. */
export async function listMembers(
  db: TenantDb,
  orgId: OrgId,
  page: { limit: number; after: MembershipId | null; role?: Role | undefined; status?: string | undefined },
): Promise<readonly MemberRow[]> {
  const members = await db.prisma.membership.findMany({
    where: {
      orgId,
      ...(page.after === null ? {} : { id: { gt: page.after } }),
      ...(page.role === undefined ? {} : { role: page.role }),
      ...(page.status === undefined ? {} : { status: page.status }),
    },
    orderBy: { id: 'asc' },
    take: page.limit,
  })
  const names = await namesOf(
    db,
    members.map(({ userId }) => userId),
  )
  return members.map(({ id, userId, displayName, ...rest }) => ({
    ...roleAndStatusSchema.parse(rest),
    id,
    userId,
    displayName,
    name: names.get(userId) ?? null,
  }))
}

async function namesOf(db: TenantDb, userIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const people = await db.prisma.userAccount.findMany({ where: { id: { in: [...new Set(userIds)] } } })
  return new Map(people.map(({ id, name }) => [id, name]))
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
