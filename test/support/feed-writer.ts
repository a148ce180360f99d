// Writes what happens in a directory in a year, in a minute: several changes in one transaction, some rolled back in part
// or whole, some open while others commit, some that meet at one person or organization.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type Client, createDirectory } from './feed-directory.ts'

export type Writer = {
  readonly seed: number
  /** Makes organizations and people. */
  begin(): Promise<void>
  /** Writes until at least so many changes are committed; resolves to how many were. `pauseMs` between transactions. */
  write(changes: number, pauseMs?: number): Promise<number>
  /** The same, hundreds of people in each transaction. */
  writeInBulk(changes: number, pauseMs?: number): Promise<number>
  /** Of the organization of that number (not 0); the writer leaves them as they are. */
  manager(n: number): string
  readonly counts: { rolledBack: number; late: number; raced: number }
  stop(): Promise<void>
}

export type WriterOptions = {
  readonly url: string
  readonly seed: number
  readonly organizations: number
  readonly people: number
  /** Two writers of one database have different ones, 1 to 9. */
  readonly number?: number
  /** False: leaves no transaction open while others commit; the feed waits for those. */
  readonly isLate?: boolean
}

export function createFeedWriter(options: WriterOptions): Writer {
  const { isLate = true } = options
  const random = randomOf(options.seed)
  const directory = createDirectory({ ...options, random, number: options.number ?? 1 })
  const { below, label, person, organization, manager, operate } = directory
  const connections = Array.from({ length: 3 }, () => new pg.Client({ connectionString: options.url }))
  const [main, straggler, racer] = connections as [pg.Client, pg.Client, pg.Client]
  for (const connection of connections) connection.on('error', () => {})
  const counts = { rolledBack: 0, late: 0, raced: 0 }
  let isStragglerOpen = false

  async function transact(): Promise<number> {
    await main.query('BEGIN')
    for (let left = 1 + below(3); left > 0; left -= 1) {
      const isUndone = below(12) === 0
      if (isUndone) await main.query('SAVEPOINT before')
      await operate(main)
      if (!isUndone) continue
      await main.query('ROLLBACK TO SAVEPOINT before')
      counts.rolledBack += 1
    }
    return end(main, below(12) > 0)
  }

  async function end(client: Client, isKept: boolean): Promise<number> {
    const { rows } = await client.query<{ n: number }>(
      "SELECT count(*)::int AS n FROM change WHERE region IN ('in', 'us') AND xid = pg_current_xact_id()",
    )
    await client.query(isKept ? 'COMMIT' : 'ROLLBACK')
    if (!isKept) counts.rolledBack += 1
    return isKept ? (rows[0]?.n ?? 0) : 0
  }

  async function leaveOpen(): Promise<void> {
    await straggler.query('BEGIN')
    await straggler.query('UPDATE user_account SET name = $2 WHERE id = $1::uuid', [manager(0), label()])
    isStragglerOpen = true
  }

  async function commitLate(): Promise<number> {
    isStragglerOpen = false
    await straggler.query('UPDATE membership SET display_name = $2 WHERE user_id = $1::uuid', [manager(0), label()])
    counts.late += 1
    return end(straggler, below(4) > 0)
  }

  /** A person is renamed while they are given a membership, or an organization while it comes to a region. */
  async function race(): Promise<number> {
    const isOfPerson = below(2) === 0
    const subject = isOfPerson ? person() : organization()
    const table = isOfPerson ? 'user_account' : 'organization'
    await main.query('BEGIN')
    await main.query(`UPDATE ${table} SET name = $2 WHERE id = $1::uuid AND status <> 'deleted'`, [subject, label()])
    await racer.query('BEGIN')
    const meeting = racer.query(
      isOfPerson
        ? `UPDATE membership m SET status = 'active' FROM user_account u
            WHERE u.id = m.user_id AND u.id = $1::uuid AND u.status <> 'deleted' AND m.status = 'removed'`
        : "INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'us') ON CONFLICT DO NOTHING",
      [subject],
    )
    const written = await end(main, true)
    await meeting
    counts.raced += 1
    return written + (await end(racer, true))
  }

  async function renameMany(): Promise<number> {
    await main.query('BEGIN')
    await main.query(
      `UPDATE user_account SET name = $1 || ' ' || left(id::text, 8) WHERE id IN (
        SELECT id FROM user_account WHERE status <> 'deleted' ORDER BY hashtext(id::text || $1) LIMIT 300)`,
      [label()],
    )
    return end(main, below(12) > 0)
  }

  return {
    seed: options.seed,
    counts,
    manager,
    writeInBulk: async (changes, pauseMs = 0) => {
      let written = 0
      while (written < changes) {
        written += await renameMany()
        await sleep(pauseMs)
      }
      return written
    },
    begin: async () => {
      for (const connection of connections) await connection.connect()
      await directory.begin(main, options.people)
    },
    write: async (changes, pauseMs = 0) => {
      let written = 0
      while (written < changes) {
        if (isLate && !isStragglerOpen && below(20) === 0) await leaveOpen()
        else if (isStragglerOpen && below(10) === 0) written += await commitLate()
        else written += await (below(25) === 0 ? race() : transact())
        if (pauseMs > 0) await sleep(pauseMs)
      }
      if (isStragglerOpen) written += await commitLate()
      return written
    },
    stop: async () => {
      await Promise.all(connections.map((connection) => connection.end().catch(() => {})))
    },
  }
}

/** The same numbers for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
