import type { SqlDriverAdapterFactory } from '@prisma/client/runtime/client'
import { assertOutsideTransaction } from './database.ts'

type SqlDriverAdapter = Awaited<ReturnType<SqlDriverAdapterFactory['connect']>>

/**
 * Wraps a driver adapter so that a query on the outer client throws while the caller is inside a
 * transaction. Queries of the transaction itself go through the adapter's Transaction and pass.
 */
export function guardOuterClient(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: async () => guardAdapter(await factory.connect()),
  }
}

function guardAdapter(adapter: SqlDriverAdapter): SqlDriverAdapter {
  const guarded: SqlDriverAdapter = Object.create(adapter)
  guarded.queryRaw = async (query) => {
    assertOutsideTransaction()
    return adapter.queryRaw(query)
  }
  guarded.executeRaw = async (query) => {
    assertOutsideTransaction()
    return adapter.executeRaw(query)
  }
  guarded.startTransaction = async (isolationLevel) => {
    assertOutsideTransaction()
    return adapter.startTransaction(isolationLevel)
  }
  return guarded
}
