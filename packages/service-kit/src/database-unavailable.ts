// Whether an error says that the database cannot answer now but may soon: PostgreSQL's SQLSTATEs, node-postgres and
// its pool, the embedded engine, and Prisma 7 with a driver adapter, which wraps the driver's error.

/** Single SQLSTATEs; classes 08 (connection) and 53 (insufficient resources) count whole. */
const SQL_STATES = new Set([
  '25006', // read-only: this is a standby, or has just become one
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout (PostgreSQL 17)
  '40001', // serialization failure
  '40P01', // deadlock
  '55P03', // lock_timeout
  '57014', // statement_timeout
  '57P01', // administrator's shutdown
  '57P02', // crash shutdown
  '57P03', // starting up
  '57P05', // idle_session_timeout
])
const SQL_STATE_CLASSES = /^(08|53)[0-9A-Z]{3}$/

/** https://www.prisma.io/docs/orm/reference/error-reference */
const PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'])
/** `kind` of a DriverAdapterError's cause. */
const DRIVER_ADAPTER_KINDS = new Set([
  'ConnectionClosed',
  'DatabaseNotReachable',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
])
const SOCKET_CODES = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])
/** node-postgres 8 gives these no code. */
const DRIVER_MESSAGES = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Query read timeout',
  'Client has encountered a connection error',
  'Cannot use a pool after calling end on the pool',
]

/** An error, its causes and what Prisma hangs on it; a hostile or circular chain ends here. */
const MAX_CHAIN_LENGTH = 16

export function isDatabaseUnavailable(error: unknown): boolean {
  const waiting: unknown[] = [error]
  for (let seen = 0; seen < MAX_CHAIN_LENGTH && waiting.length > 0; seen++) {
    const link = waiting.shift()
    if (typeof link !== 'object' || link === null) continue
    const fields = link as Record<string, unknown>
    if (saysUnavailable(fields)) return true
    waiting.push(fields['cause'], fields['meta'], fields['driverAdapterError'])
    if (Array.isArray(fields['errors'])) waiting.push(...fields['errors'].slice(0, MAX_CHAIN_LENGTH))
  }
  return false
}

function saysUnavailable(fields: Record<string, unknown>): boolean {
  const codes = [fields['code'], fields['originalCode'], fields['errorCode']]
  if (codes.some((code) => typeof code === 'string' && isUnavailableCode(code))) return true
  if (typeof fields['kind'] === 'string' && DRIVER_ADAPTER_KINDS.has(fields['kind'])) return true
  const message = fields['message']
  return typeof message === 'string' && DRIVER_MESSAGES.some((start) => message.startsWith(start))
}

function isUnavailableCode(code: string): boolean {
  return SQL_STATES.has(code) || SQL_STATE_CLASSES.test(code) || PRISMA_CODES.has(code) || SOCKET_CODES.has(code)
}
