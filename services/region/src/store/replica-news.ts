// What was applied, told to every process of this region: memberships and organizations whose answers may be different
// now. Rows rise in the order of commits, since writing one waits for whoever wrote before; a look-up reads the latest
// one in the statement that reads its rows, and so knows which news it includes.
import type { Db, Row, Statement } from '@meridian/database/database'
import { z } from 'zod'

/** One statement in the transaction of a change. */
export type Query = (statement: Statement, values: readonly unknown[]) => Promise<readonly Row[]>

export type ReplicaNews = {
  readonly applied: number
  readonly kinds: readonly string[]
  readonly memberships: readonly string[]
  readonly organizations: readonly string[]
}

/** The number of the latest news, 0 where there is none, as an expression. */
export const LATEST_NEWS = 'coalesce((SELECT max(applied) FROM replica_news), 0)::text'
export const appliedSchema = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number)

const newsSchema = z.object({
  applied: appliedSchema,
  kinds: z.array(z.string()),
  memberships: z.array(z.string()),
  organizations: z.array(z.string()),
})

// The lock that the triggers of replica_entity take.
const TAKE_TURNS: Statement = {
  name: 'take_turns_on_replica',
  text: "SELECT true AS held FROM pg_advisory_xact_lock(hashtext('meridian_replica'))",
}

const WAIT_BETWEEN_TURNS: Statement = {
  name: 'wait_between_turns_on_replica',
  text: "SELECT true AS held FROM pg_advisory_xact_lock_shared(hashtext('meridian_replica'))",
}

const TELL: Statement = {
  name: 'tell_replica_news',
  text: `INSERT INTO replica_news (applied, kinds, memberships, organizations)
    SELECT coalesce(max(applied), 0) + 1, ARRAY(SELECT jsonb_array_elements_text($1::text::jsonb)),
      ARRAY(SELECT jsonb_array_elements_text($2::text::jsonb)::uuid),
      ARRAY(SELECT jsonb_array_elements_text($3::text::jsonb)::uuid)
    FROM replica_news`,
}

/** Whoever has missed more reads everything anew. */
const KEPT_ROWS = 200
const FORGET: Statement = {
  name: 'forget_replica_news',
  text: `DELETE FROM replica_news WHERE applied <= (SELECT max(applied) FROM replica_news) - ${KEPT_ROWS}`,
}

const READ: Statement = {
  name: 'read_replica_news',
  text: `SELECT applied::text, to_jsonb(kinds) AS kinds, to_jsonb(memberships) AS memberships,
      to_jsonb(organizations) AS organizations
    FROM replica_news WHERE applied > $1::bigint ORDER BY applied`,
}

const READ_LATEST: Statement = { name: 'read_latest_replica_news', text: `SELECT ${LATEST_NEWS} AS applied` }

/** Whoever changes what the region holds takes turns with all others who do, until the transaction ends. */
export async function takeTurns(query: Query): Promise<void> {
  await query(TAKE_TURNS, [])
}

/** Waits for the turn under way, and holds up the next one until the transaction ends; those who do this do it together. */
export async function waitBetweenTurns(query: Query): Promise<void> {
  await query(WAIT_BETWEEN_TURNS, [])
}

export async function tellNews(query: Query, news: Omit<ReplicaNews, 'applied'>): Promise<void> {
  await takeTurns(query)
  await query(
    TELL,
    [news.kinds, news.memberships, news.organizations].map((list) => JSON.stringify(list)),
  )
  await query(FORGET, [])
}

export async function readNews<Client>(db: Db<Client>, after: number): Promise<readonly ReplicaNews[]> {
  const rows = await db.sql(READ, [after])
  return rows.map((row) => newsSchema.parse(row))
}

export async function readLatestNews<Client>(db: Db<Client>): Promise<number> {
  const [row] = await db.sql(READ_LATEST, [])
  return z.object({ applied: appliedSchema }).parse(row).applied
}
