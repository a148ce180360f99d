// The operator's command line as it is typed: a process of its own.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MERIDIAN = fileURLToPath(new URL('../../services/identity/src/cli/main.ts', import.meta.url))

export type Ran = { readonly code: number; readonly out: string; readonly err: string }

export function meridian(environment: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MERIDIAN, ...args], { env: environment }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

/** The same, to be ended on the way. */
export function startMeridian(environment: NodeJS.ProcessEnv, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [MERIDIAN, ...args], { env: environment, stdio: 'ignore' })
}
