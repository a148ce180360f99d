// The README's service, word for word, against a real centre: people come, are renamed, go, and are there after a restart.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t, { type Test } from 'tap'
import { onPostgresql } from '../support/databases.ts'
import { REGION_SECRETS, startIdentity } from '../support/identity.ts'
import { freePort } from '../support/identity-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const LINES_MAX = 40

async function readmeBlock(language: string): Promise<string> {
  const text = await readFile(join(root, 'packages/resource-server/README.md'), 'utf8')
  const block = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(text)?.[1]
  if (block === undefined) throw new Error(`the README has no ${language}`)
  return block
}

async function startService(t: Test, file: string, environment: Record<string, string>): Promise<ChildProcess> {
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child.stdout?.resume()
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function until(read: () => Promise<unknown>, expected: unknown): Promise<unknown> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const found = await read().catch(() => null)
    if (JSON.stringify(found) === JSON.stringify(expected) || performance.now() > deadline) return found
    await sleep(50)
  }
}

await onPostgresql(t, "another team's service follows with the code of the README", async (t, makePlace) => {
  const [centrePlace, servicePlace] = [await makePlace('identity'), await makePlace('empty')]
  const code = await readmeBlock('ts')
  t.ok(code.trimEnd().split('\n').length <= LINES_MAX, 'few lines')

  const identity = await startIdentity(t, centrePlace)
  await identity.app.listen({ host: '127.0.0.1', port: 0 })
  const { port: centrePort } = identity.app.server.address() as { port: number }
  const tables = await readFile(join(root, 'prisma/region/migrations/20261121121000_add_replica/migration.sql'), 'utf8')
  const own = new pg.Client(servicePlace.url)
  await own.connect()
  t.teardown(() => own.end())
  await own.query(`${tables}; ${await readmeBlock('sql')}`)

  const folder = await mkdtemp(join(tmpdir(), 'meridian-other-team-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'service.ts')
  await writeFile(file, code)
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  const port = await freePort()
  const environment = {
    IDENTITY_URL: `http://127.0.0.1:${centrePort}`,
    CLIENT_ID: 'region-in',
    CLIENT_SECRET: REGION_SECRETS.in,
    REGION: 'in',
    DATABASE_URL: servicePlace.url ?? '',
    PORT: String(port),
  }
  const names = async () => {
    const people = (await (await fetch(`http://127.0.0.1:${port}/people`)).json()) as { name: string }[]
    return people.map(({ name }) => name)
  }
  const centre = new pg.Client(centrePlace.url)
  await centre.connect()
  t.teardown(() => centre.end())

  const first = await startService(t, file, environment)
  t.strictSame(
    await until(names, ['Ada', 'Lin', 'Sam']),
    ['Ada', 'Lin', 'Sam'],
    'who is there, and nobody of another region',
  )
  await centre.query("UPDATE user_account SET name = 'Ada Lovelace' WHERE email = 'ada@acme.test'")
  t.strictSame(await until(names, ['Ada Lovelace', 'Lin', 'Sam']), ['Ada Lovelace', 'Lin', 'Sam'])
  first.kill('SIGKILL')
  await once(first, 'exit')
  await centre.query(`UPDATE membership m SET status = 'removed' FROM user_account u
    WHERE u.id = m.user_id AND u.email = 'lin@acme.test'`)
  await startService(t, file, environment)
  t.strictSame(
    await until(names, ['Ada Lovelace', 'Sam']),
    ['Ada Lovelace', 'Sam'],
    'and what went while it was dead is gone',
  )
})
