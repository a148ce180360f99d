// Who waits is answered as soon as there is something, however it was written and by which process, and holds nothing
// meanwhile.
import { setTimeout as sleep } from 'node:timers/promises'
import { withTransaction } from '@meridian/database/transaction'
import { createLogger } from '@meridian/service-kit/logger'
import t, { type Test } from 'tap'
import { createHints } from '../../services/identity/src/feed/hints.ts'
import { createWaiters, type Waiters } from '../../services/identity/src/feed/waiters.ts'
import type { Waiting } from '../../services/identity/src/store/feed-news.ts'
import { type IdentityDatabase, openIdentityStore } from '../../services/identity/src/store/open-store.ts'
import { eachEngine, onPostgresql, type Place } from '../support/databases.ts'
import { type Instance, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'

async function followerOf(instance: Pick<Instance, 'post' | 'get'>) {
  const token = await regionToken(instance, 'in')
  const read = (after: string | undefined, wait = 0) => {
    const query = new URLSearchParams({ wait: String(wait), ...(after === undefined ? {} : { after }) })
    return instance.get(`/v1/regions/in/changes?${query}`, token)
  }
  const end = async (): Promise<string> => {
    for (let after: string | undefined; ; ) {
      const { body } = await read(after)
      after = String(body['cursor'])
      if (!body['more'] && body['behind_seconds'] === 0) return after
    }
  }
  return { read, end }
}

const RENAME = "UPDATE user_account SET name = $1 WHERE email = 'lin@acme.test'"

await eachEngine(
  t,
  'a question that waits is answered by a change, an order, the end of its time or of the service',
  async (t, makePlace) => {
    const identity = await startIdentity(t, await makePlace('identity'), { poolSize: 2 })
    const follower = await followerOf(identity)
    const cursor = await follower.end()
    const waiting = Array.from({ length: 10 }, () => follower.read(cursor, 20))
    t.equal((await identity.get('/readyz')).status, 200, 'others are served meanwhile')
    await ask(identity, RENAME, ['A'])
    const told = await Promise.all(waiting)
    for (const { body } of told) t.match(body, { entries: [{ kind: 'user', state: { name: 'A' } }] })
    const after = String(told[0]?.body['cursor'])

    const order = identity.deps.makeId()
    const ordered = follower.read(after, 20)
    await follower.read(after)
    await ask(identity, "INSERT INTO sync_order (id, region, kind) VALUES ($1::uuid, 'in', 'compare')", [order])
    t.match((await ordered).body, { entries: [], orders: [{ id: order, kind: 'compare' }] })
    const begun = performance.now()
    t.match((await follower.read(after, 1)).body, { entries: [], orders: [{ id: order }], cursor: after })
    t.ok(performance.now() - begun > 900, 'an order that was told ends no question')

    const last = follower.read(after, 20)
    await follower.read(after)
    const closing = identity.app.close()
    t.match((await last).body, { entries: [], cursor: after })
    await closing
  },
)

const NEVER_MS = 1_000_000

/** A process of its own, as far as waking goes, that is woken by hints alone. */
async function startProcess(t: Test, place: Place, lookEveryMs = NEVER_MS) {
  const db = await openIdentityStore({ ...place, poolSize: 4 })
  const log = createLogger({ name: 'waking', level: 'silent' })
  const waiters = createWaiters({ db, log }, lookEveryMs)
  const hints = createHints({ db, log }, waiters)
  t.teardown(async () => {
    await Promise.all([waiters.stop(), hints.stop()])
    await db.close()
  })
  return { db, waiters }
}

async function waitFor(waiters: Waiters, seen: string): Promise<string> {
  const { signal } = new AbortController()
  const wait = waiters
    .wait({ region: 'in', seen }, { clientId: 'region-in', timeoutMs: 20_000, signal })
    .then(() => 'woken')
  return Promise.race([wait, sleep(15_000, 'asleep', { ref: false })])
}

async function snapshotOf(process: { readonly db: IdentityDatabase }): Promise<string> {
  const [row] = await ask(process, 'SELECT pg_current_snapshot()::text AS snapshot')
  return String(row?.['snapshot'])
}

const REVOKE = "INSERT INTO revocation (kind, subject) VALUES ('key', 'k')"
const revoke = ({ db }: { readonly db: IdentityDatabase }) =>
  withTransaction(db, (transaction) => transaction.sql({ name: 'revoke_key_of_test', text: REVOKE }, []))

await eachEngine(t, 'a transaction that commits wakes those who wait in its own process', async (t, makePlace) => {
  const process = await startProcess(t, await makePlace('identity'))
  for (let round = 0; round < 3; round += 1) {
    const woken = waitFor(process.waiters, await snapshotOf(process))
    await revoke(process)
    t.equal(await woken, 'woken')
  }
})

await eachEngine(t, 'no client takes the places of others, and no question their answers', async (t, makePlace) => {
  const process = await startProcess(t, await makePlace('identity'), 50)
  const { signal } = new AbortController()
  const seen = await snapshotOf(process)
  const ask = (clientId: string, waiting: Waiting) =>
    process.waiters.wait(waiting, { clientId, timeoutMs: 20_000, signal }).then(() => 'woken')
  const soon = (wait: Promise<string>, ms: number) => Promise.race([wait, sleep(ms, 'asleep', { ref: false })])
  const waiting = Array.from({ length: 20 }, () => ask('region-us', { region: 'us', seen }))
  t.equal(await soon(ask('region-us', { region: 'us', seen }), 5_000), 'woken', 'one more than a client may have')
  t.equal(process.waiters.count(), 20)
  const other = ask('region-in', { region: 'in', seen })
  t.equal(await soon(other, 300), 'asleep')

  const failing = ask('region-it', { region: 'it', seen: 'no snapshot' })
  t.strictSame(
    await Promise.all([failing, other, ...waiting].map((wait) => soon(wait, 5_000))),
    Array(22).fill('woken'),
  )
})

await eachEngine(t, 'a process keeps so many questions and no more, of however many clients', async (t, makePlace) => {
  const { waiters } = await startProcess(t, await makePlace('identity'))
  const ask = (n: number) => {
    const options = {
      clientId: `client ${Math.floor(n / 20)}`,
      timeoutMs: 60_000,
      signal: new AbortController().signal,
    }
    return waiters.wait({ region: 'in', seen: '1:1:' }, options)
  }
  const waiting = Array.from({ length: 500 }, (_, n) => ask(n))
  t.equal(waiters.count(), 500)
  await ask(1_000)
  t.equal(waiters.count(), 500, 'one more is answered at once')
  await Promise.all([waiters.stop(), ...waiting])
})

const LISTENERS = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'`

await onPostgresql(
  t,
  'and in every other one; without its connection a process looks by itself',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const [one, other] = [await startProcess(t, place), await startProcess(t, place)]
    const looking = await startProcess(t, place, 50)
    const listening = async () => (await ask(one, LISTENERS)).length
    t.equal(await listening(), 0, 'a process that nobody asks has no connection for it')
    const wakeAll = async () => {
      const seen = await snapshotOf(one)
      const woken = [other, looking].map(({ waiters }) => waitFor(waiters, seen))
      while ((await listening()) < 2) await sleep(10)
      await revoke(one)
      return Promise.all(woken)
    }
    t.strictSame(await wakeAll(), ['woken', 'woken'])

    await ask(one, `SELECT pg_terminate_backend(pid) FROM (${LISTENERS}) l`)
    const woken = waitFor(looking.waiters, await snapshotOf(one))
    await ask(one, REVOKE)
    t.equal(await woken, 'woken', 'of what no hint was given for')
    t.strictSame(await wakeAll(), ['woken', 'woken'], 'and it listens again')
  },
)
