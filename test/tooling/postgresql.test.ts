import { existsSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { locatePostgresql } from '../support/postgresql.ts'
import { findServerBinaries, startTemporaryCluster } from '../support/temporary-cluster.ts'

const quiet = () => {}
const binaries = findServerBinaries()

t.test('a server that TEST_DATABASE_URL names and that is away is missing, not replaced', async (t) => {
  const located = await locatePostgresql(quiet, { TEST_DATABASE_URL: 'postgresql://postgres@127.0.0.1:1/postgres' })
  t.match(located, { missing: /^TEST_DATABASE_URL cannot be used: .*ECONNREFUSED/ })
})

// A machine without the binaries uses a server that is there, and never starts a cluster.
if (binaries) {
  t.test('a temporary cluster may create databases and roles, and leaves nothing behind', async (t) => {
    const cluster = await startTemporaryCluster(binaries, quiet)
    const client = new pg.Client(cluster.url)
    await client.connect()
    await client.query('CREATE ROLE of_a_test NOLOGIN')
    await client.query('CREATE DATABASE of_a_test')
    const { rows } = await client.query<{ max_connections: string }>('SHOW max_connections')
    t.equal(rows[0]?.max_connections, '300')
    client.on('error', quiet)
    t.ok(existsSync(cluster.folder))
    const located = await locatePostgresql(quiet, { TEST_DATABASE_URL: cluster.url })
    t.match(located, { url: cluster.url }, 'a server that can be used is used as it is')
    await cluster.stop()
    t.notOk(existsSync(cluster.folder), 'the folder is gone')
    t.throws(() => process.kill(cluster.pid, 0), { code: 'ESRCH' }, 'the process is gone')
  })
} else t.comment('no PostgreSQL server binaries on this machine')
