// A region as a real process, which follows a real centre but verifies tokens that a test signs: so a test can show any
// session that it likes.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bareEnvironment } from './bare-environment.ts'

const MAIN = fileURLToPath(new URL('../../services/region/src/main.ts', import.meta.url))

export type RegionProcessOptions = {
  readonly code: 'in' | 'us'
  readonly port: number
  readonly audience: string
  readonly issuer: string
  readonly identityUrl: string
  readonly jwksUrl: string
  readonly clientSecret: string
  readonly databaseUrl: string
  /** Further settings. */
  readonly environment?: NodeJS.ProcessEnv
}

export type RegionProcess = {
  readonly url: string
  readonly pid: number
  output(): string
  /** Ends it without a chance to tidy up. */
  kill(): Promise<void>
}

/** Resolves once it is ready. */
export async function spawnRegion(options: RegionProcessOptions): Promise<RegionProcess> {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      ...bareEnvironment,
      REGION_CODE: options.code,
      AUDIENCE: options.audience,
      ISSUER: options.issuer,
      IDENTITY_URL: options.identityUrl,
      JWKS_URL: options.jwksUrl,
      CLIENT_ID: `region-${options.code}`,
      CLIENT_SECRET: options.clientSecret,
      DATABASE_URL: options.databaseUrl,
      PORT: String(options.port),
      NEUTRAL_HOSTS: '127.0.0.1',
      LOG_LEVEL: 'info',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const url = `http://127.0.0.1:${options.port}`
  await untilReady(child, url, () => output)
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function untilReady(child: ChildProcess, url: string, output: () => string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the region ended: ${output()}`)
    const isReady = await fetch(`${url}/readyz`).then(
      (reply) => reply.ok,
      () => false,
    )
    if (isReady) return
    await sleep(25)
  }
  throw new Error(`the region did not become ready: ${output()}`)
}
