// How long an import takes and how much memory: `node test/benchmarks/import/main.ts`. The command as it is typed, in a
// process of its own, on an empty database; then the same again, when everything is there already.
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { applyRegistry } from '../../../services/identity/src/directory/registry.ts'
import { openIdentityStore } from '../../../services/identity/src/store/open-store.ts'
import { registry } from '../../support/identity.ts'
import { createBenchDatabase } from '../bench-database.ts'

const MERIDIAN = fileURLToPath(new URL('../../../services/identity/src/cli/main.ts', import.meta.url))
const SAMPLE_MS = 50

const { values } = parseArgs({
  options: {
    people: { type: 'string', default: '100000' },
    orgs: { type: 'string', default: '1000' },
    /** PostgreSQL without the trigger that locks the person of every membership, to see what it costs. */
    'without-lock': { type: 'boolean', default: false },
  },
})
const people = Number(values.people)
const orgs = Number(values.orgs)

function* tables(): Generator<string> {
  yield 'email,name,org,org_name,contact_name,contact_email,region,role\n'
  for (let index = 0; index < people; index += 1) {
    const org = `org-${Math.floor((index * orgs) / people)}`
    const role = index % 100 === 0 ? 'owner' : 'member'
    const region = index % 2 === 0 ? 'in' : 'us'
    yield `person.${index}@${org}.test,Person ${index},${org},Organization ${org},Contact,contact@${org}.test,${region},${role}\n`
  }
}

type Run = { readonly seconds: number; readonly peakMiB: number; readonly result: Record<string, unknown> }

async function run(file: string, environment: NodeJS.ProcessEnv): Promise<Run> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [MERIDIAN, 'import', file, '--json'], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  let peakMiB = 0
  const sampling = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  }, SAMPLE_MS)
  await new Promise((resolve) => child.once('close', resolve))
  clearInterval(sampling)
  return { seconds: (performance.now() - startedAt) / 1000, peakMiB, result: JSON.parse(out) }
}

async function measure(name: string, file: string, environment: NodeJS.ProcessEnv): Promise<void> {
  for (const title of ['first time', 'again']) {
    const { seconds, peakMiB, result } = await run(file, environment)
    const rate = Math.round(people / seconds)
    console.log(
      `${name}, ${title}: ${rate} people/s, ${seconds.toFixed(1)} s, peak ${Math.round(peakMiB)} MiB, ${JSON.stringify(result)}`,
    )
  }
}

const folder = await mkdtemp(join(tmpdir(), 'meridian-import-'))
try {
  const file = join(folder, 'people.csv')
  await pipeline(tables, createWriteStream(file))
  const serverUrl = process.env['TEST_DATABASE_URL']
  if (serverUrl !== undefined) {
    const database = await createBenchDatabase(serverUrl)
    try {
      const db = await openIdentityStore({ url: database.url })
      await applyRegistry({ db }, registry)
      if (values['without-lock']) {
        const text = 'ALTER TABLE membership DISABLE TRIGGER membership_not_of_sys_admin'
        await db.sql({ name: 'without_lock', text }, [])
      }
      await db.close()
      const environment = { DATABASE_URL: database.url, DATA_FOLDER: folder }
      await measure(`PostgreSQL${values['without-lock'] ? ' without the lock' : ''}`, file, environment)
    } finally {
      await database.drop()
    }
  }
  if (!values['without-lock']) {
    const embedded = join(folder, 'data')
    const db = await openIdentityStore({ embedded: { folder: embedded } })
    await applyRegistry({ db }, registry)
    await db.close()
    await measure('PGlite', file, { DATA_FOLDER: embedded })
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
