import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { moveToLoadCore } from './machine.ts'

/** A database of its own on the server under test, dropped at the end. */
export type BenchDatabase = {
  readonly url: string
  /** Moves its connections' processes to the load's core. Resolves to whether all could be moved. */
  pin(): Promise<boolean>
  drop(): Promise<void>
}

export async function createBenchDatabase(serverUrl: string): Promise<BenchDatabase> {
  const name = `meridian_bench_${randomBytes(6).toString('hex')}`
  await query(serverUrl, `CREATE DATABASE ${name}`)
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    pin: async () => {
      const rows = await query(serverUrl, `SELECT pid FROM pg_stat_activity WHERE datname = '${name}'`)
      return rows.every((row) => moveToLoadCore(Number(row['pid'])))
    },
    drop: async () => {
      await query(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    },
  }
}

async function query(url: string, text: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}
