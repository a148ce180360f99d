// A PostgreSQL of a test's own that can die as on a power cut, start again, and be put back to an earlier moment as a
// restore from backup does: with transaction ids and sequences that go back, and are then given once more.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Test } from 'tap'
import { findServerBinaries, startTemporaryCluster } from './temporary-cluster.ts'

/**
 * Where a centre's database is undisturbed: what is open in other databases of a cluster delays the feed, so that other
 * tests would. Undefined where there are no server binaries.
 */
export async function undisturbedPlace(t: Test): Promise<{ readonly url: string } | undefined> {
  const cluster = await startCluster()
  if (cluster === null) return undefined
  t.teardown(cluster.stop)
  return { url: cluster.url }
}

export type Cluster = {
  readonly url: string
  /** Ends it at once: it recovers from its log when it starts. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Copies its files, while it is down. */
  keepCopy(): Promise<void>
  /** Puts them back, while it is down. */
  putBack(): Promise<void>
  stop(): Promise<void>
}

/** Null where this machine has no server binaries: it uses a server that is elsewhere. */
export async function startCluster(): Promise<Cluster | null> {
  const binaries = findServerBinaries()
  if (binaries === undefined) return null
  const { url, folder, pid, stop } = await startTemporaryCluster(binaries, () => {})
  const [data, copy] = [join(folder, 'data'), join(folder, 'copy')]
  const { uid, gid } = await stat(data)
  const account = process.getuid?.() === 0 ? { uid, gid } : {}
  const settings = {
    listen_addresses: '127.0.0.1',
    port: new URL(url).port,
    unix_socket_directories: '',
    max_connections: '300',
    fsync: 'off',
    full_page_writes: 'off',
  }
  let again: ChildProcess | undefined

  async function crash(): Promise<void> {
    // SIGQUIT: no checkpoint, no good-bye.
    if (again === undefined) {
      process.kill(pid, 'SIGQUIT')
      while (isThere(pid)) await sleep(10)
    } else if (again.exitCode === null && again.signalCode === null) {
      again.kill('SIGQUIT')
      await once(again, 'exit')
    }
  }

  return {
    url,
    crash,
    start: async () => {
      const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
      again = spawn(join(binaries, 'postgres'), ['-D', data, ...options], { ...account, cwd: folder, stdio: 'ignore' })
      await untilAnswering(url)
    },
    keepCopy: async () => {
      await rm(copy, { recursive: true, force: true })
      await copyOwned(data, copy)
    },
    putBack: async () => {
      await rm(data, { recursive: true, force: true })
      await copyOwned(copy, data)
    },
    stop: async () => {
      await crash()
      await stop()
    },
  }

  async function copyOwned(from: string, to: string): Promise<void> {
    await cp(from, to, { recursive: true, preserveTimestamps: true })
    if (account.uid === undefined) return
    const owner = spawn('chown', ['-R', `${account.uid}:${account.gid}`, to], { stdio: 'ignore' })
    await once(owner, 'exit')
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function untilAnswering(url: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const client = new pg.Client(url)
    client.on('error', () => {})
    const isUp = await client.connect().then(
      () => true,
      () => false,
    )
    await client.end().catch(() => {})
    if (isUp) return
    await sleep(25)
  }
  throw new Error('the cluster did not come up again')
}
