// Reads PostgreSQL's SQLSTATE out of what pg, PGlite and Prisma throw, however deep they wrapped it.

const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const LOCK_NOT_AVAILABLE = '55P03'
const MAX_DEPTH = 6

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}

/** The five-character SQLSTATE (PostgreSQL, appendix A), or undefined where the error carries none. */
export function sqlStateOf(error: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH || typeof error !== 'object' || error === null) return undefined
  for (const key of ['originalCode', 'code']) {
    const code = member(error, key)
    if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^P\d{4}$/.test(code)) return code
  }
  if (member(error, 'code') === 'P2034' || member(error, 'kind') === 'TransactionWriteConflict') {
    return SERIALIZATION_FAILURE
  }
  for (const key of ['cause', 'meta', 'driverAdapterError']) {
    const found = sqlStateOf(member(error, key), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** Whether the same transaction may simply be run again. */
export function isRetriable(error: unknown): boolean {
  const state = sqlStateOf(error)
  return state === SERIALIZATION_FAILURE || state === DEADLOCK_DETECTED
}

export function isLockTimeout(error: unknown): boolean {
  return sqlStateOf(error) === LOCK_NOT_AVAILABLE
}

/** The constraint that refused, by its name or, where Prisma keeps only them, by its columns (`a, b`). */
export function violatedConstraintOf(error: unknown, depth = 0): string | undefined {
  if (depth > MAX_DEPTH || typeof error !== 'object' || error === null) return undefined
  const constraint = member(error, 'constraint')
  if (typeof constraint === 'string') return constraint
  const index = member(constraint, 'index')
  if (typeof index === 'string') return index
  const fields = member(constraint, 'fields')
  if (Array.isArray(fields)) return fields.join(', ')
  for (const key of ['cause', 'meta', 'driverAdapterError']) {
    const found = violatedConstraintOf(member(error, key), depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
