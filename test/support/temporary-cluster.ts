// A PostgreSQL cluster for one test run, in a folder of its own on a free port; stopping it removes it. The
// server refuses to run as root, so for root it runs as `postgres` (or `nobody`).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

interface Account {
  uid: number
  gid: number
}

const READY_WITHIN_MS = 30_000

/** The folder with `postgres` and `initdb` of the newest server ≥ 15, on Debian's path or on PATH. */
export function findServerBinaries(): string | undefined {
  const debian = globSync('/usr/lib/postgresql/*/bin').sort((a, b) => majorOf(b) - majorOf(a))
  const folders = [...debian, ...(process.env['PATH'] ?? '').split(delimiter)]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && majorVersion(folder) >= 15)
}

const majorOf = (folder: string) => Number(folder.match(/postgresql\/(\d+)/)?.[1] ?? 0)

function majorVersion(folder: string): number {
  const answer = spawnSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' })
  return Number(answer.stdout?.match(/\) (\d+)/)?.[1] ?? 0)
}

export async function startTemporaryCluster(
  binaries: string,
  say: (line: string) => void,
): Promise<{ url: string; folder: string; pid: number; stop(): Promise<void> }> {
  const account = process.getuid?.() === 0 ? unprivilegedAccount() : undefined
  const folder = mkdtempSync(join(tmpdir(), 'meridian-postgresql-'))
  if (account) chownSync(folder, account.uid, account.gid)
  say(`PostgreSQL: starting a temporary cluster (${binaries})`)
  const data = join(folder, 'data')
  const initdb = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
  const made = spawnSync(join(binaries, 'initdb'), initdb, { ...account, cwd: folder, encoding: 'utf8' })
  if (made.status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`)
  }
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    fsync: 'off',
    full_page_writes: 'off',
  }
  const server = spawn(
    join(binaries, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // Its own process group: Ctrl-C reaches the tests first, and the server only through stop().
    { ...account, cwd: folder, detached: true, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const stop = () => stopServer(server, folder)
  try {
    await ready(server)
  } catch (error) {
    await stop()
    throw error
  }
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  say(`PostgreSQL: ${url}`)
  return { url, folder, pid: server.pid ?? 0, stop }
}

async function ready(server: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error('the temporary cluster did not get ready')), READY_WITHIN_MS)
  let log = ''
  server.on('error', reject)
  server.on('exit', (code) => reject(new Error(`the temporary cluster ended with ${code}:\n${log}`)))
  server.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000)
    if (log.includes('ready to accept connections')) resolve()
  })
  try {
    await promise
  } finally {
    clearTimeout(timer)
  }
}

async function stopServer(server: ChildProcess, folder: string): Promise<void> {
  if (server.pid !== undefined && server.exitCode === null && server.signalCode === null) {
    const { promise, resolve } = Promise.withResolvers<void>()
    server.once('exit', () => resolve())
    // Fast shutdown: open connections are cut.
    server.kill('SIGINT')
    await promise
  }
  rmSync(folder, { recursive: true, force: true })
}

function unprivilegedAccount(): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor nobody')
}

async function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const probe = createServer()
  probe.on('error', reject)
  probe.listen(0, '127.0.0.1', () => {
    const address = probe.address()
    const port = typeof address === 'object' && address ? address.port : 0
    probe.close(() => resolve(port))
  })
  return promise
}
