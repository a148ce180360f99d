import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Installs a Debian package for the tests; answers why it could not, or nothing when it is there. */
export async function installDebianPackage(name: string, say: (line: string) => void): Promise<string | undefined> {
  if (!existsSync('/usr/bin/apt-get')) return `${name} can be installed only where there is apt-get`
  if (process.getuid?.() !== 0) return `only root can install the package ${name}`
  say(`installing the Debian package ${name}`)
  await aptGet(['update', '-q'])
  const code = await aptGet(['install', '-y', '-q', '--no-install-recommends', name])
  return code === 0 ? undefined : `apt-get install ${name} ended with ${code}`
}

function aptGet(args: string[]): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>()
  const child = spawn('/usr/bin/apt-get', args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  child.on('error', () => resolve(null))
  child.on('close', (code) => resolve(code))
  return promise
}
