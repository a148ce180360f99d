// The local stack as a person starts it: infra/local/start.ts as a process, on free ports, in a folder of its own.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { bareEnvironment } from './bare-environment.ts'

export const START = fileURLToPath(new URL('../../infra/local/start.ts', import.meta.url))
const RUNS = 'Ctrl-C stops everything.'

export type StackPorts = Readonly<Record<'identity' | 'in' | 'us' | 'smtp' | 'mail', number>>

export type Stack = {
  readonly pid: number
  /** Standard output and error so far. */
  output(): string
  /** Resolves once the output has this text; throws when the process ends before. */
  until(text: string): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** Resolves to the exit code, once the process has ended. */
  exit(): Promise<number | null>
}

/** All at once, so that no two are the same. */
export async function freePorts(): Promise<StackPorts> {
  const servers = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const [identity, inPort, us, smtp, mail] = servers.map((server) => {
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }) as [number, number, number, number, number]
  for (const server of servers) server.close()
  return { identity, in: inPort, us, smtp, mail }
}

export function portFlags(ports: StackPorts): string[] {
  return Object.entries(ports).flatMap(([name, port]) => [`--${name}-port`, String(port)])
}

export async function dataFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-stack-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function startStack(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Stack {
  const env = { ...bareEnvironment, HOME: process.env['HOME'], ...environment }
  const child = spawn(process.execPath, [START, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  t.teardown(() => endStack(child, ended))
  return {
    pid: child.pid ?? 0,
    output: () => output,
    until: async (text) => {
      while (!output.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the stack ended:\n${output}`)
        await sleep(50)
      }
    },
    kill: (signal) => child.kill(signal),
    exit: () => ended,
  }
}

async function endStack(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
  await ended
}

export async function startedStack(t: Test, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const stack = startStack(t, args, environment)
  await stack.until(RUNS)
  return stack
}

export type Process = { readonly pid: number; readonly command: string }

/** What a process has started, and what that has started. */
export function descendantsOf(pid: number): readonly Process[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n')
  const processes = lines.map((line) => {
    const [, own, parent, command] = /^ *(\d+) +(\d+) +(.*)$/.exec(line) ?? []
    return { pid: Number(own), parent: Number(parent), command: command ?? '' }
  })
  const of = (parent: number): Process[] =>
    processes.filter((one) => one.parent === parent).flatMap((one) => [one, ...of(one.pid)])
  // `ps` itself is one of them when the caller asks about itself.
  return of(pid).filter(({ command }) => command.includes('infra/local/child/main.ts'))
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves once none of them is left, or after the time, to those that are. */
export async function survivors(processes: readonly Process[], timeoutMs: number): Promise<readonly Process[]> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const alive = processes.filter(({ pid }) => isAlive(pid))
    if (alive.length === 0 || performance.now() > deadline) return alive
    await sleep(50)
  }
}
