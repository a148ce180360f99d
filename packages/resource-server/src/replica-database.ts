// What the receiver library asks of a service's database: PostgreSQL 15 or newer, by whatever driver.

export type ReplicaRow = Readonly<Record<string, unknown>>

/** Sends one statement in the transaction under way. Values are texts, booleans and nulls; rows bring texts, booleans and jsonb. */
export type ReplicaQuery = (
  text: string,
  values: readonly (string | boolean | null)[],
) => Promise<readonly ReplicaRow[]>

/**
 * Runs `work` in one transaction (READ COMMITTED will do) and commits, or rolls back where it throws. `work` may be run
 * again after a serialization failure or a deadlock.
 */
export type ReplicaTransaction = <T>(work: (query: ReplicaQuery) => Promise<T>) => Promise<T>

const MAX_DEPTH = 6
/** Connections, conflicts, resources, the server's end, read-only after a failover (PostgreSQL, appendix A). */
const FLEETING_STATE = /^(08|40|53|55|58|57P|25006|25P03)/
/** Of Node's sockets, and of Prisma (no connection, no free one, a transaction that timed out or met another). */
const FLEETING_CODE = /^(E[A-Z]{3,}|P1\d{3}|P2024|P2028|P2034)$/
/** What `pg` throws without a code. */
const FLEETING_MESSAGE =
  /^(Connection terminated|Client was closed|Client has encountered a connection error|Query read timeout|timeout exceeded)/

/** A statement or a transaction that was cut off: it took too long, or waited for something that did. */
export function isOutOfTime(error: unknown): boolean {
  return hasCode(error, (code) => code === '57014' || code === 'P2028')
}

/** Whether an error is of the moment, and no fault of what was to be written. */
export function isFleeting(error: unknown): boolean {
  return hasCode(
    error,
    (code) => FLEETING_CODE.test(code) || (code.length === 5 && FLEETING_STATE.test(code)),
    (message) => FLEETING_MESSAGE.test(message),
  )
}

/** In the error, or in what caused it. */
function hasCode(
  error: unknown,
  isCode: (code: string) => boolean,
  isMessage: (message: string) => boolean = () => false,
  depth = 0,
): boolean {
  if (depth > MAX_DEPTH || typeof error !== 'object' || error === null) return false
  const { code, originalCode, message, cause, meta, driverAdapterError } = error as Record<string, unknown>
  if (typeof message === 'string' && isMessage(message)) return true
  if ([code, originalCode].some((name) => typeof name === 'string' && isCode(name))) return true
  return [cause, meta, driverAdapterError].some((inner) => hasCode(inner, isCode, isMessage, depth + 1))
}
