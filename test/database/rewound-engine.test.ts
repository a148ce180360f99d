// The embedded databases of the tests share engines: what one test did to its database, the next must not find.
import { createHash } from 'node:crypto'
import type { PGlite } from '@electric-sql/pglite'
import t from 'tap'
import { openMigratedEngine } from '../support/databases.ts'

t.setTimeout(120_000)

const open = () => openMigratedEngine('identity')

type Node = { contents?: Uint8Array | Record<string, Node> | null; usedBytes?: number }
type Stream = { fd: number | null; path: string; position: number; flags: number } | null | undefined
type Files = { root: Node; streams: readonly Stream[]; lookupPath(path: string): { node: Node } }

/** Of every file by its path, of the files that are open, and of the memory. */
function imageOf(pglite: PGlite): Record<string, unknown> {
  const image: Record<string, unknown> = {}
  const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64url')
  const files = pglite.Module.FS as unknown as Files
  const add = (path: string, node: Node) => {
    const { contents, usedBytes } = node
    if (ArrayBuffer.isView(contents)) image[path] = digest(contents.subarray(0, usedBytes))
    else for (const [name, child] of Object.entries(contents ?? {})) add(`${path}/${name}`, child)
    if (path.startsWith('/pglite/') && files.lookupPath(path).node !== node) image[path] = 'found under another name'
  }
  add('', files.root)
  const open = Array.from(files.streams, (stream) =>
    stream ? [stream.fd, stream.path, stream.position, stream.flags] : null,
  )
  // It may have grown by bytes that are zero.
  return { ...image, open, memory: digest(pglite.Module.HEAPU8.subarray(0, 128 * 1024 * 1024)) }
}

const one = async (pglite: PGlite, expression: string) =>
  Object.values((await pglite.query<Record<string, unknown>>(`SELECT ${expression}`)).rows[0] ?? {})[0]

const engineOf = (pglite: PGlite): unknown => pglite.Module

for (const round of ['first', 'second']) {
  t.test(`a database is as it was when the next test opens it, the ${round} time`, async (t) => {
    const before = await open()
    const engine = engineOf(before)
    const image = imageOf(before)
    const transactionId = await one(before, 'pg_current_xact_id()::text')
    await before.exec(`
      CREATE TABLE left_behind (id int PRIMARY KEY, text text);
      INSERT INTO left_behind SELECT n, repeat(n::text, 100) FROM generate_series(1, 50000) AS n;
      CREATE ROLE somebody;
      INSERT INTO module (key, name, kind) VALUES ('left', 'Left behind', 'standalone');
      CREATE OR REPLACE FUNCTION meridian_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now() + interval ''1 day''';
      ALTER TABLE user_account ADD COLUMN left_behind text;
      DROP TABLE mail_outbox CASCADE;
      SET lock_timeout = 1234;
      SET session_replication_role = replica;
      CREATE TEMPORARY TABLE left_too (id int);
      PREPARE left_prepared AS SELECT 1`)
    for (const alone of ['VACUUM FULL left_behind', 'CHECKPOINT']) await before.exec(alone)
    t.ok(await one(before, `sum(hashtext(repeat(n::text, 40)))::text FROM generate_series(1, 200000) AS n`))
    await t.rejects(before.query('SELECT 1 / 0'))
    await before.exec('BEGIN; DELETE FROM module')
    await before.close()

    const after = await open()
    t.equal(engineOf(after), engine, 'it is the same engine')
    t.strictSame(imageOf(after), image)
    t.equal(await one(after, 'pg_current_xact_id()::text'), transactionId)
    t.equal(await one(after, `to_regclass('left_behind')`), null)
    t.equal(await one(after, `count(*)::int FROM module`), 0)
    t.equal(await one(after, `count(*)::int FROM mail_outbox`), 0)
    t.equal(await one(after, `abs(extract(epoch FROM meridian_now() - now())) < 60`), true)
    t.equal(await one(after, `current_setting('lock_timeout')`), '0')
    await after.close()
  })
}

t.test('databases that are open at once are two', async (t) => {
  const [first, second] = [await open(), await open()]
  t.not(engineOf(first), engineOf(second))
  await first.exec(`INSERT INTO module (key, name, kind) VALUES ('mine', 'Mine', 'standalone')`)
  t.equal(await one(second, `count(*)::int FROM module`), 0)
  await first.close()
  await second.close()
})

t.test('a handle that is closed opens nothing of the next', async (t) => {
  const stale = await open()
  const { query, exec } = stale
  await stale.close()
  const next = await open()
  const uses = [() => stale.query('SELECT 1'), () => query('SELECT 1'), () => exec('SELECT 1'), () => stale.close()]
  for (const use of uses) await t.rejects(async () => use(), /closed/)
  await next.close()
})
