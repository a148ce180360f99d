// Rows that were loaded from another server's dump have ids of transactions that this one has yet to give: whatever waits
// for older transactions to end would wait for those. They get the id of a transaction of here.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const BATCH_ROWS = 2000
const IS_YET_TO_COME = 'xid >= pg_snapshot_xmax(pg_current_snapshot())'

const FORGET_FOLLOWERS: readonly Statement[] = [
  { name: 'forget_feed_followers', text: 'DELETE FROM feed_follower' },
  { name: 'forget_feed_horizons', text: 'DELETE FROM feed_horizon' },
  { name: 'forget_revocation_canaries', text: 'DELETE FROM revocation_canary' },
]

/** Where followers of an earlier epoch stood, and what they may have missed: they begin anew. */
export async function forgetFollowers(db: IdentityDb): Promise<void> {
  for (const statement of FORGET_FOLLOWERS) await db.sql(statement, [])
}

const RESTAMP_CHANGES: Statement = {
  name: 'restamp_changes',
  text: `WITH batch AS MATERIALIZED (SELECT seq FROM change WHERE seq > $1::text::bigint ORDER BY seq LIMIT ${BATCH_ROWS}),
    stamped AS (
      UPDATE change SET xid = pg_current_xact_id() WHERE seq IN (SELECT seq FROM batch) AND ${IS_YET_TO_COME}
      RETURNING 1)
    SELECT (SELECT max(seq)::text FROM batch) AS last, (SELECT count(*)::integer FROM stamped) AS stamped`,
}

const batchSchema = z.object({ last: z.string().nullable(), stamped: z.number() })

const OTHERS: readonly Statement[] = [
  {
    name: 'restamp_revocations',
    text: `UPDATE revocation SET xid = pg_current_xact_id() WHERE seq IN (
        SELECT seq FROM revocation WHERE ${IS_YET_TO_COME} LIMIT ${BATCH_ROWS}) RETURNING 1 AS stamped`,
  },
  // Those that are sealed have their place for good.
  {
    name: 'restamp_audit_seals',
    text: `UPDATE audit_seal SET xid = pg_current_xact_id() WHERE event_id IN (
        SELECT event_id FROM audit_seal WHERE seq IS NULL AND ${IS_YET_TO_COME} LIMIT ${BATCH_ROWS}) RETURNING 1 AS stamped`,
  },
]

/** In small transactions; may be done again. Resolves to how many rows it was. */
export async function restampRows(db: IdentityDb): Promise<number> {
  let total = 0
  for (let after: string | null = '0'; after !== null; ) {
    const { last, stamped } = batchSchema.parse((await db.sql(RESTAMP_CHANGES, [after]))[0])
    total += stamped
    after = last
  }
  for (const statement of OTHERS) {
    for (let stamped = BATCH_ROWS; stamped === BATCH_ROWS; ) {
      stamped = (await db.sql(statement, [])).length
      total += stamped
    }
  }
  return total
}
