import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { ISSUER, REGION_IN, regionClaims } from '../resource-server/region-issuer.ts'
import { type Centre, CLIENT_SECRET, startCentre } from './region-service.ts'

const MAIN = fileURLToPath(new URL('../../services/region/src/main.ts', import.meta.url))

function settings(centre: Centre, folder: string): Record<string, string> {
  return {
    REGION_CODE: REGION_IN.region,
    AUDIENCE: REGION_IN.audience,
    ISSUER,
    IDENTITY_URL: centre.url,
    CLIENT_ID: 'region-in',
    CLIENT_SECRET,
    DATA_FOLDER: folder,
    PORT: '0',
    NEUTRAL_HOSTS: '127.0.0.1',
  }
}

function run(t: Test, environment: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  const output = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    output.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    output.err += String(chunk)
  })
  return { child, output }
}

async function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit')
  return child.exitCode
}

async function address({ child, output }: ReturnType<typeof run>): Promise<string> {
  for (;;) {
    const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(output.out) ?? []
    if (found !== undefined) return found
    if (child.exitCode !== null) throw new Error(`ended: ${output.err} ${output.out}`)
    await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data')
  }
}

t.test('a process without settings says what is missing and exits 1', async (t) => {
  const { child, output } = run(t, {})
  t.equal(await exitCode(child), 1)
  t.match(output.err, /REGION_CODE.*\n.*AUDIENCE/)
})

t.test('a process serves, keeps its folder to itself, stops when asked, and restarts without the centre', async (t) => {
  const centre = await startCentre(t)
  const folder = t.testdir()
  const token = centre.keys[0]?.sign(regionClaims(Math.floor(Date.now() / 1000))) ?? ''
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

  const first = run(t, settings(centre, folder))
  const url = await address(first)
  const created = await fetch(`${url}/v1/records`, { method: 'POST', headers, body: '{"title":"kept"}' })
  t.equal(created.status, 201)
  t.equal((await fetch(`${url}/readyz`)).status, 200)

  const second = run(t, settings(centre, folder))
  t.equal(await exitCode(second.child), 1, 'a second one on the same folder')
  t.match(second.output.out, /in use by another process/)

  first.child.kill('SIGTERM')
  t.equal(await exitCode(first.child), 0)

  centre.away = true
  const third = run(t, settings(centre, folder))
  const again = await address(third)
  const read = await fetch(`${again}${created.headers.get('location')}`, { headers })
  t.equal(read.status, 200)
  third.child.kill('SIGKILL')
  await exitCode(third.child)

  const fourth = run(t, settings(centre, folder))
  const afterKill = await fetch(`${await address(fourth)}${created.headers.get('location')}`, { headers })
  t.equal(afterKill.status, 200, 'also after it was killed')
  for (const { output } of [first, second, third, fourth]) {
    t.notOk(`${output.out}${output.err}`.includes(CLIENT_SECRET), 'no secret in its output')
    t.notOk(`${output.out}${output.err}`.includes(token), 'no token in its output')
  }
})
