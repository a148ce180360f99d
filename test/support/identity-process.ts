// The identity service as a real process, to be killed and started again; its mail goes to a real SMTP catcher.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { bareEnvironment } from './bare-environment.ts'
import type { Place } from './databases.ts'
import { registry } from './identity.ts'

const MAIN = fileURLToPath(new URL('../../services/identity/src/main.ts', import.meta.url))

export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

const key = (id: string) => `${id}:${randomBytes(32).toString('base64url')}`

/** The environment of a service that keeps its identity over restarts. */
export function identityEnvironment(options: {
  readonly port: number
  readonly smtpPort: number
  readonly dataFolder: string
  readonly url?: Place['url'] | undefined
}): NodeJS.ProcessEnv {
  return {
    ...bareEnvironment,
    ISSUER: `http://localhost:${options.port}`,
    PORT: String(options.port),
    DATA_FOLDER: options.dataFolder,
    ...(options.url === undefined ? {} : { DATABASE_URL: options.url }),
    REGISTRY: JSON.stringify(registry),
    TOKEN_KEYS: key('t1'),
    OTP_KEYS: key('o1'),
    SEAL_KEYS: key('s1'),
    SMTP_URL: `smtp://127.0.0.1:${options.smtpPort}`,
    SMTP_REQUIRE_TLS: 'false',
    MAIL_FROM: 'Meridian <no-reply@example.test>',
    LOG_LEVEL: 'warn',
    CHALLENGES_PER_MINUTE: '100000',
    TOKEN_REQUESTS_PER_MINUTE: '1000000',
  }
}

export type IdentityProcess = {
  readonly url: string
  readonly pid: number
  output(): string
  /** Ends it without a chance to tidy up. */
  kill(): Promise<void>
  /** Asks it to stop. Resolves to its exit code. */
  stop(): Promise<number | null>
}

export async function spawnIdentity(environment: NodeJS.ProcessEnv): Promise<IdentityProcess> {
  const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const url = `http://127.0.0.1:${environment['PORT']}`
  await untilReady(child, url, () => output)
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    kill: async () => {
      child.kill('SIGKILL')
      await exitOf(child)
    },
    stop: async () => {
      child.kill('SIGTERM')
      return exitOf(child)
    },
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)))
}

async function untilReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the service ended: ${output()}`)
    const isReady = await fetch(`${url}/readyz`).then(
      (reply) => reply.ok,
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the service did not become ready: ${output()}`)
}
