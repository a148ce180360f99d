// Finds a PostgreSQL 15 or newer for the tests, as a role that may create databases and roles: the one that
// TEST_DATABASE_URL names, else one on 127.0.0.1:5432, else a temporary cluster, whose binaries are installed
// where that is possible (root on Debian).
import { userInfo } from 'node:os'
import pg from 'pg'
import { installDebianPackage } from './debian-package.ts'
import { findServerBinaries, startTemporaryCluster } from './temporary-cluster.ts'

const OLDEST_VERSION = 150_000

export type Located = { url: string; stop(): Promise<void> } | { missing: string }

type Say = (line: string) => void

export async function locatePostgresql(say: Say, environment: NodeJS.ProcessEnv = process.env): Promise<Located> {
  const named = environment['TEST_DATABASE_URL']
  if (named) {
    const refusal = await whyUnusable(named)
    // A server that was named and cannot be used is never replaced by another one in silence.
    return refusal ? { missing: `TEST_DATABASE_URL cannot be used: ${refusal}` } : { url: named, stop: async () => {} }
  }
  const running = await findRunning()
  if (running) {
    say(`PostgreSQL: ${running}`)
    return { url: running, stop: async () => {} }
  }
  let binaries = findServerBinaries()
  if (!binaries) {
    const refusal = await installDebianPackage('postgresql', say)
    if (refusal) return { missing: `No server on 127.0.0.1:5432, no server binaries, and ${refusal}` }
    binaries = findServerBinaries()
  }
  if (!binaries) return { missing: 'the package postgresql brought no server binaries of version 15 or newer' }
  const cluster = await startTemporaryCluster(binaries, say)
  const refusal = await whyUnusable(cluster.url)
  if (!refusal) return cluster
  await cluster.stop()
  return { missing: `the temporary cluster cannot be used: ${refusal}` }
}

async function findRunning(): Promise<string | undefined> {
  for (const user of new Set(['postgres', 'root', userInfo().username])) {
    const url = `postgresql://${encodeURIComponent(user)}@127.0.0.1:5432/postgres`
    if (!(await whyUnusable(url))) return url
  }
  return undefined
}

async function whyUnusable(url: string): Promise<string | undefined> {
  try {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    await client.connect()
    try {
      const { rows } = await client.query<{ version: number; able: boolean }>(
        `SELECT current_setting('server_version_num')::int AS version,
                rolsuper OR (rolcreatedb AND rolcreaterole) AS able FROM pg_roles WHERE rolname = current_user`,
      )
      if ((rows[0]?.version ?? 0) < OLDEST_VERSION) return 'the server is older than PostgreSQL 15'
      if (!rows[0]?.able) return 'the role may not create databases and roles'
      return undefined
    } finally {
      await client.end()
    }
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error)
  }
}
