// The operator's commands for the audit, as they are typed: against a running service, which seals meanwhile.
import { execFile } from 'node:child_process'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { freePort, identityEnvironment, spawnIdentity } from '../support/identity-process.ts'

const MERIDIAN = fileURLToPath(new URL('../../services/identity/src/cli/main.ts', import.meta.url))

type Ran = { readonly code: number; readonly out: string; readonly err: string }

function meridian(environment: NodeJS.ProcessEnv, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MERIDIAN, 'audit', ...args], { env: environment }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err })
    })
  })
}

t.setTimeout(100_000)

t.test('an operator verifies the audit and takes it away', async (t) => {
  const folder = t.testdir()
  const environment = identityEnvironment({ port: await freePort(), smtpPort: await freePort(), dataFolder: folder })
  const operator = { PATH: environment['PATH'], DATA_FOLDER: environment['DATA_FOLDER'] }
  const service = await spawnIdentity(environment)
  t.teardown(() => service.kill())

  const output = join(folder, 'audit.ndjson')
  const year = ['--from', '2026-01-01T00:00:00Z', '--to', '2026-12-31T00:00:00Z']
  t.match(await meridian(operator, 'export', ...year, '--output', output), { code: 0, out: /events: \d+/ })
  t.equal((await stat(output)).mode & 0o777, 0o600)
  t.match(await readFile(output, 'utf8'), /"type":"end"[^\n]*\n$/)
  t.match(await meridian(operator, 'export', ...year, '--output', output), {
    code: 1,
    err: /cannot be written: EEXIST/,
  })

  // Its own export is an event, which the running service seals.
  for (let sealed = 0; sealed === 0; ) {
    const { code, out } = await meridian(operator, 'verify', '--json')
    t.equal(code, 0, out)
    const { events, broken } = JSON.parse(out)
    t.strictSame(broken, [])
    sealed = events
  }
  t.match(await meridian(operator, 'verify', '--org', 'platform'), { code: 0, out: /broken: none/ })
  t.match(await meridian(operator, 'verify', '--org', 'nowhere'), { code: 1, err: /no such organization/ })
  t.match(await meridian(operator, 'verify', '--checkpoint', 'x.y.z'), { code: 1, err: /is no use/ })
  t.match(await meridian(operator, 'export', '--from', 'x', '--to', 'y', '--output', output), { code: 2, err: /Wrong/ })
})
