// Going back is believed once in ten minutes, to where it went furthest, once however many ask; and what a follower says
// of itself makes it neither older nor younger.
import pg from 'pg'
import t from 'tap'
import { orderErasuresAgain } from '../../services/identity/src/directory/erasures.ts'
import { takeReturn } from '../../services/identity/src/store/feed-followers.ts'
import { eachEngine, onPostgresql, shiftClock } from '../support/databases.ts'
import type { IdentityUnderTest } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { followerOf, takeEntryAt } from './follower.ts'
import { startSmallDirectory } from './small-directory.ts'

const WHO = { region: 'in', clientId: 'region-in' }
const RENAME = 'UPDATE user_account SET name = $2 WHERE id = $1::uuid'
const madeAtMs = (cursor: string | undefined) => Number(cursor?.split('.')[4])

await eachEngine(
  t,
  'what is owed meanwhile is the furthest of it, and is given when its time has come',
  async (t, makePlace) => {
    const { identity, directory } = await startSmallDirectory(t, await makePlace('identity'), 30)
    const follower = followerOf(identity)
    const places: string[] = []
    for (const [n, seconds] of [0, 300, 600, 900].entries()) {
      await shiftClock(identity.db, seconds)
      await ask(identity, RENAME, [directory.memberOf(0), `Name ${n}`])
      await follower.follow()
      places.push(String(follower.cursor()))
    }
    const [first, second, third, last] = places
    await follower.ask(last)
    t.strictSame(follower.returns, [])
    await follower.ask(second)
    t.strictSame(follower.returns.map(Number).map(Math.floor), [madeAtMs(second)])
    for (const place of [last, first, last, third, last]) await follower.ask(place)
    t.equal(follower.returns.length, 1, 'not again for ten minutes')
    t.equal(await takeReturn(identity.db, WHO), undefined, 'whoever asks')
    await shiftClock(identity.db, 1501)
    await follower.ask(last)
    t.strictSame(follower.returns.slice(1).map(Number).map(Math.floor), [madeAtMs(first)])
    await follower.ask(last)
    t.equal(follower.returns.length, 2)
  },
)

await eachEngine(t, 'a cursor that claims to be from later than now is from now', async (t, makePlace) => {
  const { identity, directory } = await startSmallDirectory(t, await makePlace('identity'), 31)
  const follower = followerOf(identity)
  const places: string[] = []
  for (const name of ['One', 'Two']) {
    await ask(identity, RENAME, [directory.memberOf(0), name])
    await follower.follow()
    places.push(String(follower.cursor()))
  }
  const [before = '', after = ''] = places
  await follower.ask(before, 1)
  // What a cursor says of itself is all that there is then.
  await takeEntryAt(identity, after)
  await follower.ask(after.replace(/[0-9]+$/, '9'.repeat(15)))
  await follower.ask(before)
  t.strictSame(follower.returns, [])
})

await onPostgresql(
  t,
  'who goes on in the order of the feed does not go back, whenever it was written',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, directory } = await startSmallDirectory(t, place, 32)
    const follower = followerOf(identity)
    await follower.follow()
    const open = new pg.Client(place.url)
    await open.connect()
    t.teardown(() => open.end())
    await open.query('BEGIN; SELECT pg_current_xact_id()')
    await ask(identity, RENAME, [directory.memberOf(0), 'Early'])
    await shiftClock(identity.db, 300)
    await open.query(RENAME, [directory.memberOf(1), 'Late'])
    await open.query('COMMIT')
    const written: (string | undefined)[] = []
    for (const _entry of ['Late', 'Early']) {
      await untilSettled(identity)
      await follower.readPage(1)
      written.push(follower.cursor())
    }
    const [late, early] = written
    t.ok(madeAtMs(late) - madeAtMs(early) > 60_000, 'the one that is told second was written first')
    await follower.ask(late)
    await follower.ask(early)
    t.strictSame(follower.returns, [])
  },
)

await onPostgresql(t, 'of two who find at once that something is owed, one has it', async (t, makePlace) => {
  const { identity } = await startSmallDirectory(t, await makePlace('identity'), 33)
  await followerOf(identity).follow()
  await ask(identity, "UPDATE feed_follower SET owed_since = '-infinity'")
  const taken = Promise.withResolvers<number | null | undefined>()
  const proceed = Promise.withResolvers<void>()
  const first = identity.db.begin(
    async (db) => {
      taken.resolve(await takeReturn(db, WHO))
      await proceed.promise
    },
    { timeoutMs: 10_000 },
  )
  t.equal(await taken.promise, null, 'since when is not known')
  const second = takeReturn(identity.db, WHO)
  await Promise.race([second, untilWaiting(identity)])
  proceed.resolve()
  await first
  t.equal(await second, undefined)
})

await eachEngine(t, 'what could not be ordered again is owed as before', async (t, makePlace) => {
  const { identity, sql } = await startSmallDirectory(t, await makePlace('identity'), 34)
  await followerOf(identity).follow()
  const order = identity.deps.makeId()
  await sql(
    `INSERT INTO erasure_order (id, kind, subject_id, region, acknowledged_at)
      VALUES ($1::uuid, 'user', $1::uuid, 'in', meridian_now())`,
    [order],
  )
  await sql("UPDATE feed_follower SET owed_since = '-infinity'")
  await sql('ALTER TABLE erasure_order ADD CONSTRAINT all_done CHECK (acknowledged_at IS NOT NULL)')
  await t.rejects(orderErasuresAgain(identity.deps, WHO))
  await sql('ALTER TABLE erasure_order DROP CONSTRAINT all_done')
  await orderErasuresAgain(identity.deps, WHO)
  t.strictSame(await sql('SELECT id::text FROM erasure_order WHERE acknowledged_at IS NULL'), [{ id: order }])
})

await eachEngine(t, 'what was acknowledged within an hour before that is ordered again too', async (t, makePlace) => {
  const { identity, sql } = await startSmallDirectory(t, await makePlace('identity'), 35)
  await followerOf(identity).follow()
  const [within, before] = [identity.deps.makeId(), identity.deps.makeId()]
  for (const [order, minutes] of [
    [within, 50],
    [before, 70],
  ] as const) {
    await sql(
      `INSERT INTO erasure_order (id, kind, subject_id, region, acknowledged_at)
        VALUES ($1::uuid, 'user', $1::uuid, 'in', meridian_now() - make_interval(mins => $2::integer))`,
      [order, minutes],
    )
  }
  await sql('UPDATE feed_follower SET owed_since = meridian_now()')
  await orderErasuresAgain(identity.deps, WHO)
  t.strictSame(await sql('SELECT id::text FROM erasure_order WHERE acknowledged_at IS NULL'), [{ id: within }])
})

/** Until nothing that is committed has yet to be told: transactions of other databases hold it back as well. */
async function untilSettled(identity: IdentityUnderTest): Promise<void> {
  await followerOf(identity, 'in', 'settled').follow()
}

async function untilWaiting(identity: IdentityUnderTest): Promise<void> {
  const waiting = `SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  while ((await ask(identity, waiting)).length === 0);
}
