// A measured server as a process of its own, on its own core, ready once it answers.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { giveOwnPriority, onCore } from './machine.ts'

export type ServerProcess = {
  readonly port: number
  readonly pid: number
  /** What the server sent over IPC before it was ready; null where it sent nothing. */
  readonly message: unknown
  stop(): Promise<void>
}

export type ServerOptions = {
  readonly script: string
  readonly port: number
  readonly environment: Readonly<Record<string, string>>
  /** Answers 200 once the server is ready. */
  readonly readyPath: string
  /** Where a processor profile is written when the server stops. */
  readonly profileFolder?: string | undefined
}

const READY_TIMEOUT_MS = 30_000
const STOP_TIMEOUT_MS = 10_000

export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const profiling = options.profileFolder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profileFolder}`]
  const [file, ...args] = onCore('server', [...profiling, options.script])
  const child = spawn(file, args, {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_ENV: 'production',
      PORT: String(options.port),
      ...options.environment,
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true,
  })
  if (child.pid !== undefined) giveOwnPriority(child.pid)
  let message: unknown = null
  let complaints = ''
  child.on('message', (sent) => {
    message = sent
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000)
  })
  const stop = () => stopProcess(child)
  try {
    await untilReady(`http://127.0.0.1:${options.port}${options.readyPath}`, child)
    return { port: options.port, pid: child.pid ?? 0, message, stop }
  } catch (error) {
    await stop()
    throw new Error(`${options.script} did not start: ${String(error)}\n${complaints}`)
  }
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  const givesUpAt = performance.now() + READY_TIMEOUT_MS
  while (performance.now() < givesUpAt) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
    const response = await fetch(url).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.ok === true) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${url} did not answer in time`)
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
  await ended
  clearTimeout(timer)
}

/** A port of loopback that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
