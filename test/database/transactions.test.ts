import { OuterHandleError } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import { isDatabaseUnavailable } from '@meridian/service-kit/database-unavailable'
import t from 'tap'
import { openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { eachEngine, onPostgresql } from '../support/databases.ts'
import { add, type CounterDatabase, openCounters, valueIn } from './counters.ts'

const nextTurn = () => new Promise<void>((resolve) => setTimeout(resolve, 0))

/** Lets its callers go on together, once `count` of them are there. */
function createMeetingPoint(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let there = 0
  return () => {
    there += 1
    if (there === count) resolve()
    return promise
  }
}

/** Every way to reach past the transaction, from wherever code that it started may run. */
const reaches: Record<string, (database: CounterDatabase) => Promise<unknown>> = {
  sql: (database) => add(database, 1),
  'a raw query of the client': async ({ prisma }) => prisma.$queryRaw`SELECT 1`,
  'a model of the client': async ({ prisma }) => prisma.region.findMany(),
  'a unique look-up, which Prisma batches': async ({ prisma }) => prisma.region.findUnique({ where: { code: 'in' } }),
  ping: (database) => database.ping(),
  'a nested transaction': (database) => withTransaction(database, (db) => add(db, 1)),
}
const places: Record<string, (reach: () => Promise<unknown>) => Promise<unknown>> = {
  'at once': (reach) => reach(),
  'in a nested async function': async (reach) => {
    await nextTurn()
    return (async () => reach())()
  },
  'among others': (reach) => Promise.all([nextTurn(), reach()]),
  'in a timer': (reach) =>
    new Promise((resolve, reject) => {
      setTimeout(() => reach().then(resolve, reject), 1)
    }),
}

await eachEngine(t, 'the outer handle throws inside a transaction', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  for (const [how, reach] of Object.entries(reaches)) {
    for (const [where, go] of Object.entries(places)) {
      await withTransaction(database, async (db) => {
        await add(db, 2)
        await t.rejects(
          go(async () => reach(database)),
          OuterHandleError,
          `${how}, ${where}`,
        )
      })
    }
  }
  t.equal(await valueIn(database, 1), 0, 'and nothing got through')
  t.equal(await valueIn(database, 2), Object.keys(reaches).length * Object.keys(places).length)
})

await eachEngine(t, 'a caller outside is never taken for one inside', async (t, makePlace) => {
  const database = await openIdentityStore(await makePlace('identity'))
  t.teardown(() => database.close())
  for (const order of ['inside', 'outside']) {
    const meet = createMeetingPoint(2)
    const look = { where: { code: 'in' } }
    const inside = () =>
      withTransaction(database, async (db) => {
        await db.prisma.$queryRaw`SELECT 1`
        await meet()
        return db.prisma.region.findUnique(look)
      })
    const outside = async () => {
      await meet()
      await null
      return database.prisma.region.findUnique(look)
    }
    const both = order === 'inside' ? [inside(), outside()] : [outside(), inside()]
    t.strictSame(await Promise.all(both), [null, null], `${order} first, in the same tick`)
  }
})

await eachEngine(t, 'what a transaction started and left behind is outside again', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const later = await withTransaction(database, async () => ({ done: ended.then(() => add(database, 1)) }))
  resolve()
  await later.done
  t.equal(await valueIn(database, 1), 1)
})

await eachEngine(t, 'a transaction that throws leaves nothing and the database usable', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const refuse = new Error('no')
  const failing = withTransaction(database, async (db) => {
    await add(db, 1)
    throw refuse
  })
  t.equal(await failing.catch((error: unknown) => error), refuse, 'the error is the one thrown')
  const divide = { name: 'divide', text: 'SELECT 1 / 0' }
  await t.rejects(
    withTransaction(database, async (db) => {
      await add(db, 1)
      await db.sql(divide, []).catch(() => {})
      await add(db, 1)
    }),
    'an error that was swallowed still ends the transaction',
  )
  t.equal(await valueIn(database, 1), 0)
  await withTransaction(database, (db) => add(db, 1))
  t.equal(await valueIn(database, 1), 1)
})

await eachEngine(t, 'a transaction that is open too long is rolled back', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const slow = withTransaction(
    database,
    async (db) => {
      await add(db, 1)
      await new Promise((resolve) => setTimeout(resolve, 200))
      await add(db, 1)
    },
    { timeoutMs: 50 },
  )
  const error: unknown = await slow.catch((thrown: unknown) => thrown)
  t.match(error, { code: 'P2028' })
  t.ok(isDatabaseUnavailable(error), 'which counts as a database that is away')
  t.equal(await valueIn(database, 1), 0)
  await withTransaction(database, (db) => add(db, 1))
  t.equal(await valueIn(database, 1), 1)
})

for (const [title, state] of Object.entries({ 'serialization failure': '40001', deadlock: '40P01' })) {
  await eachEngine(t, `a ${title} is tried 4 times and then thrown`, async (t, makePlace) => {
    const database = await openCounters(t, await makePlace('empty'))
    const fail = {
      name: `fail_${state}`,
      text: `DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '${state}'; END $$`,
    }
    let attempts = 0
    const failTimes = (times: number) =>
      withTransaction(database, async (db) => {
        attempts += 1
        await add(db, 1)
        if (attempts <= times) await db.sql(fail, [])
        return attempts
      })
    t.equal(await failTimes(3), 4, 'the fourth try may still succeed')
    t.equal(await valueIn(database, 1), 1, 'and is the only one that counts')
    attempts = 0
    await t.rejects(failTimes(Number.POSITIVE_INFINITY))
    t.equal(attempts, 4)
    t.equal(await valueIn(database, 1), 1)
  })
}

await eachEngine(t, 'a lock that is not to be had is tried for once more', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const fail = { name: 'fail', text: "DO $$ BEGIN RAISE EXCEPTION 'locked' USING ERRCODE = '55P03'; END $$" }
  let attempts = 0
  const error: unknown = await withTransaction(database, async (db) => {
    attempts += 1
    await db.sql(fail, [])
  }).catch((thrown: unknown) => thrown)
  t.ok(isDatabaseUnavailable(error))
  t.equal(attempts, 2)
})

await eachEngine(t, 'another error is thrown at once', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const duplicate = { name: 'duplicate', text: 'INSERT INTO counter VALUES (1, 1)' }
  let attempts = 0
  await t.rejects(
    withTransaction(database, async (db) => {
      attempts += 1
      await db.sql(duplicate, [])
    }),
  )
  t.equal(attempts, 1)
})

await onPostgresql(t, 'two serializable transactions that cross both commit in the end', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const meet = createMeetingPoint(2)
  let attempts = 0
  const copy = (from: number, to: number) =>
    withTransaction(
      database,
      async (db) => {
        attempts += 1
        const value = Number(await valueIn(db, from))
        await meet()
        await add(db, to, value + 1)
      },
      { isolationLevel: 'Serializable' },
    )
  await Promise.all([copy(1, 2), copy(2, 1)])
  const values = [await valueIn(database, 1), await valueIn(database, 2)]
  t.strictSame([...values].sort(), [1, 2], 'one after the other, in either order')
  t.equal(attempts, 3)
})

await onPostgresql(t, 'two transactions that lock in opposite order both commit in the end', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'))
  const meet = createMeetingPoint(2)
  let attempts = 0
  const addToBoth = (first: number, second: number) =>
    withTransaction(database, async (db) => {
      attempts += 1
      await add(db, first)
      await meet()
      await add(db, second)
    })
  await Promise.all([addToBoth(1, 2), addToBoth(2, 1)])
  t.strictSame([await valueIn(database, 1), await valueIn(database, 2)], [2, 2])
  t.ok(attempts >= 3, `tried ${attempts} times`)
})

await onPostgresql(t, 'the time limits are in force on every pooled connection', async (t, makePlace) => {
  const database = await openCounters(t, await makePlace('empty'), { poolSize: 3 })
  const settings = {
    name: 'settings',
    text: `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
      current_setting('idle_in_transaction_session_timeout') AS idle, current_setting('TimeZone') AS zone`,
  }
  const expected = [{ statement: '2s', lock: '1s', idle: '5s', zone: 'UTC' }]
  const meet = createMeetingPoint(2)
  const answers = await Promise.all([
    database.sql(settings, []),
    ...[1, 2].map(() =>
      withTransaction(database, async (db) => {
        const rows = await db.sql(settings, [])
        await meet()
        return rows
      }),
    ),
  ])
  t.strictSame(answers, [expected, expected, expected])
})
