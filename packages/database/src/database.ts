// Opens a database (embedded PGlite or PostgreSQL) behind one handle, and runs transactions on it.
// Owns engines, migrations, transactions and their retry, ids; knows no table. Queries go through Prisma, or,
// for the few hot security statements, as one prepared statement straight through the same pool.
// Inside a transaction only its own handle may be used: the outer one throws, on both engines.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Listening } from './listener.ts'

/** A prepared statement. `name` identifies the text on its connection, so one name means one text for good. */
export type Statement = {
  readonly name: string
  readonly text: string
  /** Planned for its values each time: where one plan for all of them would be far from good for many. */
  readonly isPlannedAnew?: true
}

export type Row = Readonly<Record<string, unknown>>

/** A transaction of the generated client: the client without what would leave the transaction. */
export type Queryable<Client> = Omit<Client, '$connect' | '$disconnect' | '$on' | '$transaction' | '$extends' | '$use'>

/** What store functions take first: either the database itself or one transaction on it. */
export interface Db<Client> {
  readonly prisma: Queryable<Client>
  /**
   * Sends one statement; rows come back raw and must be parsed. Cast in SQL to what both engines agree on:
   * text, integer, boolean, float8, jsonb, bytea, timestamptz; a bigint must be cast to text.
   */
  sql(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
}

export interface Database<Client> extends Db<Client> {
  readonly engine: 'pglite' | 'postgresql'
  /** Resolves when the database answers, rejects when not. For readiness checks. */
  ping(): Promise<void>
  /** Calls back after each transaction of this handle that has committed. Gives what ends that. */
  onCommit(listener: () => void): () => void
  /**
   * Hears what any process tells this channel (`pg_notify`), as long as the connection for it lives, which is made anew
   * when it is lost: a message is a hint. The embedded engine has one process, so nobody is heard there.
   */
  listen(channel: string, onMessage: (message: string) => void): Listening
  close(): Promise<void>
  /** Begins a transaction; use `withTransaction`, which retries and guards. */
  begin<T>(work: (db: Db<Client>) => Promise<T>, options: TransactionOptions): Promise<T>
}

export type TransactionOptions = {
  /** Longest that the transaction may be open. */
  readonly timeoutMs?: number
  readonly isolationLevel?: 'ReadCommitted' | 'RepeatableRead' | 'Serializable'
}

// What is started inside and outlives the transaction (a timer, a background refresh) is outside again.
const transactionOfCaller = new AsyncLocalStorage<{ isOpen: boolean }>()

/** Thrown where code inside a transaction reaches for the outer handle; on PGlite that would be a deadlock. */
export class OuterHandleError extends Error {
  override name = 'OuterHandleError'
  constructor() {
    super('the outer database handle was used inside a transaction: use the handle that the transaction gave')
  }
}

export function assertOutsideTransaction(): void {
  if (transactionOfCaller.getStore()?.isOpen) throw new OuterHandleError()
}

export function runInsideTransaction<T>(work: () => Promise<T>): Promise<T> {
  const transaction = { isOpen: true }
  return transactionOfCaller.run(transaction, async () => {
    try {
      return await work()
    } finally {
      transaction.isOpen = false
    }
  })
}
