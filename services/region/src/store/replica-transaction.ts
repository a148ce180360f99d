import { createHash } from 'node:crypto'
import { withTransaction } from '@meridian/database/transaction'
import type { ReplicaQuery, ReplicaTransaction } from '@meridian/resource-server/replica-database'
import type { RegionDatabase } from './open-store.ts'
import type { Query } from './replica-news.ts'

/** What the receiver of the change feed asks of a database; one name means one text. */
export function createReplicaTransaction(database: RegionDatabase): ReplicaTransaction {
  const names = new Map<string, string>()
  const nameOf = (text: string) => {
    const name = names.get(text) ?? `replica_${createHash('sha256').update(text).digest('hex').slice(0, 20)}`
    names.set(text, name)
    return name
  }
  return (work) =>
    withTransaction(database, (db) => work((text, values) => db.sql({ name: nameOf(text), text }, values)))
}

/** The same transaction, for statements of this service. */
export function queryOf(query: ReplicaQuery): Query {
  return ({ text }, values) => query(text, values as readonly (string | boolean | null)[])
}
