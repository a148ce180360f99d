// A region's database with the replica's tables, on either engine, and what tests do to it: look, put a backup back, let a
// process die in it.
import type { ReplicaQuery, ReplicaRow, ReplicaTransaction } from '@meridian/resource-server/replica-database'
import pg from 'pg'
import type { Test } from 'tap'
import { openMigratedEngine, type Place } from '../support/databases.ts'

export type ReplicaDatabase = {
  readonly transaction: ReplicaTransaction
  query(text: string, values?: readonly unknown[]): Promise<readonly ReplicaRow[]>
  empty(): Promise<void>
}

const TABLES = ['replica_entity', 'replica_place', 'replica_parked'] as const
const EMPTY = `TRUNCATE ${TABLES.join(', ')}; INSERT INTO replica_place DEFAULT VALUES`

export async function openEmbeddedReplica(t: Test): Promise<ReplicaDatabase> {
  const pglite = await openMigratedEngine('region')
  t.teardown(() => pglite.close())
  const rowsOf = (result: { rows: unknown[] }) => result.rows as ReplicaRow[]
  return {
    transaction: ((work) =>
      pglite.transaction((tx) =>
        work(async (text, values) => rowsOf(await tx.query(text, [...values]))),
      )) as ReplicaTransaction,
    query: async (text, values = []) => rowsOf(await pglite.query(text, [...values])),
    empty: async () => {
      await pglite.exec(EMPTY)
    },
  }
}

/** `pg`, as another team might use it. */
export async function openPostgresqlReplica(t: Test, { url }: Place): Promise<ReplicaDatabase> {
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  t.teardown(() => pool.end())
  return {
    transaction: async (work) => {
      const client = await pool.connect()
      try {
        await client.query('BEGIN')
        const result = await work(async (text, values) => (await client.query(text, [...values])).rows)
        await client.query('COMMIT')
        return result
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {})
        throw error
      } finally {
        client.release()
      }
    },
    query: async (text, values = []) => (await pool.query(text, [...values])).rows,
    empty: async () => {
      await pool.query(EMPTY)
    },
  }
}

export type HeldRow = { kind: string; id: string; epoch: string; revision: number; state: unknown; generation: string }

const ROWS = `SELECT kind, id, epoch::text, revision::integer, state, generation::text FROM replica_entity ORDER BY kind, id`

export async function heldRows(database: ReplicaDatabase): Promise<HeldRow[]> {
  return (await database.query(ROWS)) as HeldRow[]
}

export async function parkedRows(database: ReplicaDatabase): Promise<(HeldRow & { reason: string })[]> {
  return (await database.query(
    ROWS.replace('generation::text', 'generation::text, reason').replace('_entity', '_parked'),
  )) as (HeldRow & { reason: string })[]
}

/** What is there now; the function puts it back. */
export async function backUp(database: ReplicaDatabase): Promise<() => Promise<void>> {
  const kept = await Promise.all(
    TABLES.map((table) =>
      database.query(`SELECT coalesce(jsonb_agg(to_jsonb(r)), '[]')::text AS rows FROM ${table} r`),
    ),
  )
  return async () => {
    await database.query(`TRUNCATE ${TABLES.join(', ')}`)
    for (const [index, table] of TABLES.entries()) {
      const values = [kept[index]?.[0]?.['rows']]
      await database.query(
        `INSERT INTO ${table} SELECT r.* FROM jsonb_populate_recordset(NULL::${table}, $1::text::jsonb) AS r`,
        values,
      )
    }
  }
}

export class ProcessDied extends Error {
  override name = 'ProcessDied'
  constructor() {
    super('the process died')
  }
}

/** Transactions of a process that dies before its nth query from when it is told to, or after its next commit. */
export function mortal(database: ReplicaDatabase) {
  let queriesLeft = Number.POSITIVE_INFINITY
  let losesReply = false
  const query =
    (send: ReplicaQuery): ReplicaQuery =>
    async (text, values) => {
      queriesLeft -= 1
      if (queriesLeft <= 0) throw new ProcessDied()
      return send(text, values)
    }
  return {
    dieAtQuery: (nth: number) => {
      queriesLeft = nth
    },
    loseNextReply: () => {
      losesReply = true
    },
    isDead: () => queriesLeft <= 0,
    transaction: (async (work) => {
      if (queriesLeft <= 0) throw new ProcessDied()
      const result = await database.transaction((send) => work(query(send)))
      if (losesReply) {
        losesReply = false
        throw Object.assign(new Error('the reply was lost'), { code: 'ECONNRESET' })
      }
      return result
    }) as ReplicaTransaction,
  }
}
