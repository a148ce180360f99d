// One service as a child process: its log, whether it is ready, how it ended, and stopping it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { isWorthShowing, readableLine } from './log-line.ts'
import { ROOT } from './options.ts'
import { StackError } from './stack-error.ts'

export type ServiceProcess = {
  readonly name: string
  /** Resolves, and never rejects, once the process has ended: how, and its last lines. */
  readonly ended: Promise<Ending>
  waitUntilReady(signal: AbortSignal): Promise<void>
  /** Asks it to end, and ends it after 10 s. */
  stop(): Promise<void>
}

export type Ending = { readonly how: string; readonly lastLines: readonly string[]; readonly logPath: string }

export type ServiceOptions = {
  readonly name: string
  /** The service's main.ts, from the root of the repository. */
  readonly main: string
  readonly port: number
  readonly environment: Readonly<Record<string, string>>
  readonly logFolder: string
  readonly onNotice: (line: string) => void
}

const LAST_LINES = 12
const READY_POLL_MS = 100
const READY_TIMEOUT_MS = 120_000
const STOP_TIMEOUT_MS = 10_000
/** Everything else that a service reads comes from the stack alone, whatever the shell happens to hold. */
const INHERITED = ['HOME', 'LANG', 'NODE_COMPILE_CACHE', 'PATH', 'SYSTEMROOT', 'TEMP', 'TMPDIR', 'TZ']

export async function startService(options: ServiceOptions): Promise<ServiceProcess> {
  const logPath = join(options.logFolder, `${options.name}.log`)
  await rename(logPath, join(options.logFolder, `${options.name}.previous.log`)).catch(() => {})
  const child = fork(join(import.meta.dirname, 'child/main.ts'), [join(ROOT, options.main)], {
    cwd: ROOT,
    env: { ...inherited(), ...options.environment },
    // A group of its own: Ctrl-C reaches the stack alone, which then stops its services in order.
    detached: true,
    silent: true,
  })
  const lastLines = keepLog(child, logPath, options.onNotice)
  const ended = endingOf(child).then((how) => ({ how, lastLines: lastLines.map(readableLine), logPath }))
  return {
    name: options.name,
    ended,
    waitUntilReady: (signal) => waitUntilReady(options, ended, signal),
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await ended
      clearTimeout(timer)
    },
  }
}

function inherited(): Record<string, string> {
  const pairs = INHERITED.map((name) => [name, process.env[name]] as const)
  return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Every line goes to the file; the last ones are kept, and what is worth a look is shown at once. */
function keepLog(child: ChildProcess, logPath: string, onNotice: (line: string) => void): readonly string[] {
  const lastLines: string[] = []
  const file = createWriteStream(logPath, { mode: 0o600 })
  file.on('error', (error) => onNotice(`its log cannot be written: ${error.message}`))
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      file.write(`${line}\n`)
      lastLines.push(line)
      if (lastLines.length > LAST_LINES) lastLines.shift()
      if (isWorthShowing(line)) onNotice(readableLine(line))
    })
  }
  child.once('close', () => file.end())
  return lastLines
}

async function endingOf(child: ChildProcess): Promise<string> {
  try {
    // 'close' comes after 'exit', with the last lines read.
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    return signal === null ? `with exit code ${code}` : `by ${signal}`
  } catch (error) {
    return `before it began: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function waitUntilReady(options: ServiceOptions, ended: Promise<Ending>, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  while (!isOver) {
    signal.throwIfAborted()
    if (await isReady(options.port)) return
    if (performance.now() > deadline) {
      throw new StackError(
        `${options.name} is not ready after ${READY_TIMEOUT_MS / 1000} s; its log: ${join(options.logFolder, `${options.name}.log`)}`,
      )
    }
    await sleep(READY_POLL_MS)
  }
  // Its end is reported by whoever watches `ended`.
  await new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    if (signal.aborted) reject(signal.reason)
  })
}

async function isReady(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
