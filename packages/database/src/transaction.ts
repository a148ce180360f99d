import type { Database, Db, TransactionOptions } from './database.ts'
import { assertOutsideTransaction, runInsideTransaction } from './database.ts'
import { isLockTimeout, isRetriable } from './sql-state.ts'

const MAX_ATTEMPTS = 4
// A deadlock may be told as a lock timeout: both come after 1 s (lock_timeout, the server's deadlock_timeout).
const MAX_LOCK_TIMEOUT_ATTEMPTS = 2
const FIRST_PAUSE_MS = 8
const DEFAULT_TIMEOUT_MS = 5000

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/**
 * Runs `work` in one transaction, and again (up to 4 times, with growing pauses) when the database
 * reports a serialization failure or a deadlock (once more after a lock timeout), so `work` must not act
 * outside the database.
 * No network inside; only the handle it is given, any other throws OuterHandleError.
 */
export async function withTransaction<Client, T>(
  database: Database<Client>,
  work: (db: Db<Client>) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  assertOutsideTransaction()
  const settled = { timeoutMs: DEFAULT_TIMEOUT_MS, ...options }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await database.begin((db) => runInsideTransaction(() => work(db)), settled)
    } catch (error) {
      if (attempt >= attemptsWorthwhile(error)) throw error
    }
    await pause(jitteredPauseMs(attempt))
  }
}

function attemptsWorthwhile(error: unknown): number {
  if (isRetriable(error)) return MAX_ATTEMPTS
  return isLockTimeout(error) ? MAX_LOCK_TIMEOUT_ATTEMPTS : 1
}

let turn = 0
// Spread by a counter instead of by chance: callers that collided get different pauses.
function jitteredPauseMs(attempt: number): number {
  turn = (turn + 7) % 16
  return FIRST_PAUSE_MS * 2 ** attempt * (0.5 + turn / 16)
}
