// The embedded engine's promise: a folder belongs to one process, and survives that process's death.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FolderInUseError, lockFolder } from '@meridian/database/embedded'
import t, { type Test } from 'tap'
import { emptyDataFolder, temporaryFolder } from '../support/data-folder.ts'
import { CREATE_COUNTER, FIRST_MIGRATION, openCounterDatabase, writeMigrations } from './counters.ts'

const WRITE_ROWS = fileURLToPath(new URL('write-rows/main.ts', import.meta.url))
const HOLD_FOLDER = fileURLToPath(new URL('hold-folder/main.ts', import.meta.url))
const ROUNDS = 6

type Child = { readonly lines: AsyncIterator<string>; end(): Promise<void>; readonly process: ChildProcess }

function spawnChild(t: Test, ...args: string[]): Child {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  child.on('close', () => resolve())
  const end = () => {
    child.kill('SIGKILL')
    return closed
  }
  t.teardown(end)
  return { process: child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](), end }
}

const nextLine = async (child: Child): Promise<string> => String((await child.lines.next()).value)

const REFUSAL = /^the data folder \S+ is in use by another process: stop it first, or choose another folder$/

t.test('a folder is open once, whoever asks', async (t) => {
  const folder = await emptyDataFolder(t)
  const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  const open = () => openCounterDatabase({ embedded: { folder }, migrationsFolder })
  const first = await open()
  for (const attempt of [1, 2]) {
    await t.rejects(open(), { name: 'FolderInUseError', message: REFUSAL }, `this process, attempt ${attempt}`)
    t.match(await nextLine(spawnChild(t, HOLD_FOLDER, folder)), REFUSAL, `another process, attempt ${attempt}`)
  }
  await first.ping()
  await first.close()
  const second = await open()
  await second.close()
  t.pass('closing lets go of it')
  t.equal(statSync(join(folder, 'lock')).mode & 0o777, 0o600)
})

t.test('a folder that cannot be opened is let go of', async (t) => {
  const folder = await emptyDataFolder(t)
  const migrationsFolder = join(folder, 'absent')
  await t.rejects(openCounterDatabase({ embedded: { folder }, migrationsFolder }), { code: 'ENOENT' })
  const lock = await lockFolder(folder)
  lock.release()
})

t.test('the death of its holder frees a folder at once', async (t) => {
  const folder = temporaryFolder(t)
  const holder = spawnChild(t, HOLD_FOLDER, folder)
  t.equal(await nextLine(holder), 'held')
  await t.rejects(lockFolder(folder), FolderInUseError)
  await holder.end()
  const lock = await lockFolder(folder)
  t.equal(statSync(folder).mode & 0o077, 0, 'nobody else may look into it')
  lock.release()
})

t.test('what was confirmed before the process was killed is there afterwards', async (t) => {
  const folder = await emptyDataFolder(t)
  const migrationsFolder = writeMigrations(temporaryFolder(t), { [FIRST_MIGRATION]: CREATE_COUNTER })
  let confirmed = 0
  const check = (count: number, highest: number, when: string) => {
    t.ok(highest >= confirmed, `${when}: row ${confirmed} was confirmed, ${highest} is there`)
    t.equal(count, highest, `${when}: none is missing`)
  }
  for (let round = 1; round <= ROUNDS; round += 1) {
    const child = spawnChild(t, WRITE_ROWS, folder, migrationsFolder)
    const [, count, highest] = (await nextLine(child)).split(' ').map(Number)
    check(count ?? -1, highest ?? -1, `round ${round}`)
    // Any moment between two confirmations, some way into the run.
    const enough = (highest ?? 0) + randomInt(1, 200)
    const kill = () => void setTimeout(() => child.process.kill('SIGKILL'), randomInt(0, 15))
    for (let line = await child.lines.next(); !line.done; line = await child.lines.next()) {
      confirmed = Number(line.value)
      if (confirmed === enough) kill()
    }
    t.ok(confirmed >= enough, `round ${round}: killed after row ${confirmed}`)
    await child.end()
  }
  const database = await openCounterDatabase({ embedded: { folder }, migrationsFolder })
  const text = 'SELECT count(*)::integer AS count, max(id) AS highest, sum(value)::integer AS sum FROM counter'
  const [row] = await database.sql({ name: 'rows', text }, [])
  check(Number(row?.['count']), Number(row?.['highest']), 'at the end')
  t.equal(row?.['sum'], Math.ceil(Number(row?.['count']) / 2), 'each transaction is there whole')
  await database.close()
})
