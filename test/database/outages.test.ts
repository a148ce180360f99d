// A database that goes away, and the connections that it leaves behind.
import { withTransaction } from '@meridian/database/transaction'
import { isDatabaseUnavailable } from '@meridian/service-kit/database-unavailable'
import pg from 'pg'
import t, { type Test } from 'tap'
import { onPostgresql, type Place } from '../support/databases.ts'
import { add, openCounters, valueIn } from './counters.ts'
import { startProxy } from './postgresql-proxy.ts'

const POOL_SIZE = 4

/** A connection of one's own, past the pool and the proxy. */
async function openAside(t: Test, place: Place): Promise<pg.Client> {
  const client = new pg.Client(place.url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

const killOthers = (client: pg.Client) =>
  client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  )

async function committedValue(client: pg.Client, id: number): Promise<unknown> {
  const { rows } = await client.query('SELECT value FROM counter WHERE id = $1', [id])
  return rows[0]?.value
}

await onPostgresql(
  t,
  'connections killed under load are errors of an absent database, and the pool heals',
  async (t, makePlace) => {
    const place = await makePlace('empty')
    const database = await openCounters(t, place, { poolSize: POOL_SIZE })
    const aside = await openAside(t, place)
    const errors: unknown[] = []
    let confirmed = 0
    let isBusy = true
    const writers = Array.from({ length: 2 * POOL_SIZE }, async (_, index) => {
      while (isBusy) {
        const write = index % 2 === 0 ? add(database, 1) : withTransaction(database, (db) => add(db, 1))
        await write.then(
          () => {
            confirmed += 1
          },
          (error: unknown) => void errors.push(error),
        )
      }
    })
    for (let kills = 0; kills < 8; kills += 1) {
      const target = confirmed + 20
      while (confirmed < target) await new Promise((resolve) => setImmediate(resolve))
      await killOthers(aside)
    }
    isBusy = false
    await Promise.all(writers)
    t.ok(errors.length > 0, `${errors.length} writes failed, ${confirmed} were confirmed`)
    t.strictSame(
      errors.filter((error) => !isDatabaseUnavailable(error)),
      [],
      'each is recognized',
    )
    const written = Number(await committedValue(aside, 1))
    t.ok(written >= confirmed, 'what was confirmed was written')
    t.ok(written <= confirmed + errors.length, 'and nothing twice')
    const all = Array.from({ length: 2 * POOL_SIZE }, () => withTransaction(database, (db) => add(db, 2)))
    await Promise.all(all)
    t.equal(await committedValue(aside, 2), 2 * POOL_SIZE, 'every connection works again')
  },
)

await onPostgresql(t, 'idle connections that are killed are reported once each and replaced', async (t, makePlace) => {
  const place = await makePlace('empty')
  const reports: Error[] = []
  const database = await openCounters(t, place, { poolSize: 2, onPoolError: (error) => reports.push(error) })
  await database.prisma.$queryRaw`SELECT 1`
  await Promise.all([database.ping(), database.ping()])
  const aside = await openAside(t, place)
  await killOthers(aside)
  while (reports.length < 2) await new Promise((resolve) => setImmediate(resolve))
  await database.ping()
  t.equal(reports.length, 2)
  t.ok(reports.every(isDatabaseUnavailable))
})

// Why each grant takes an idempotency key: what was committed may look to the caller as if it had failed.
await onPostgresql(t, 'a reply lost after COMMIT is an error while the work is done', async (t, makePlace) => {
  const place = await makePlace('empty')
  const proxy = await startProxy(t, place.url ?? '')
  const database = await openCounters(t, { url: proxy.url })
  const aside = await openAside(t, place)
  proxy.cutAt('COMMIT\0')
  const error: unknown = await withTransaction(database, (db) => add(db, 1)).catch((thrown: unknown) => thrown)
  t.ok(isDatabaseUnavailable(error), String(error))
  t.equal(await committedValue(aside, 1), 1)
  proxy.cutAt('UPDATE 1\0')
  t.ok(isDatabaseUnavailable(await add(database, 1).catch((thrown: unknown) => thrown)), 'so for a single statement')
  t.equal(await committedValue(aside, 1), 2, 'and neither is tried again by itself')
  await add(database, 1)
  t.equal(await valueIn(database, 1), 3)
})

await onPostgresql(t, 'a connection gone silent is given up and replaced', async (t, makePlace) => {
  const place = await makePlace('empty')
  const proxy = await startProxy(t, place.url ?? '')
  const database = await openCounters(t, { url: proxy.url }, { poolSize: 1 })
  proxy.hold()
  t.ok(isDatabaseUnavailable(await database.ping().catch((thrown: unknown) => thrown)))
  await database.ping()
})

await onPostgresql(t, 'a connection whose rollback went unanswered is never used again', async (t, makePlace) => {
  const place = await makePlace('empty')
  const proxy = await startProxy(t, place.url ?? '')
  const database = await openCounters(t, { url: proxy.url }, { poolSize: 1 })
  const aside = await openAside(t, place)
  const cutOff = withTransaction(
    database,
    async (db) => {
      await add(db, 1)
      proxy.hold()
      await add(db, 1)
    },
    { timeoutMs: 200 },
  )
  t.ok(isDatabaseUnavailable(await cutOff.catch((thrown: unknown) => thrown)))
  proxy.passOn()
  await add(database, 2)
  t.equal(await committedValue(aside, 2), 1, 'the next caller’s write is no part of the old transaction')
  t.equal(await committedValue(aside, 1), 0)
})
