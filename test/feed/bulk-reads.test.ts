// A client that asks for everything many times at once gets a part of it, and leaves the others theirs.
import pg from 'pg'
import t from 'tap'
import { createBulkReads } from '../../services/identity/src/feed/bulk-reads.ts'
import { onPostgresql } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { regionToken } from '../support/region-lanes.ts'

t.test('two reads of each client are under way at once, however they end', async (t) => {
  const readInBulk = createBulkReads({ atOnceMax: 2, waitingMax: 0 })
  const hold = (clientId: string) => {
    const page = Promise.withResolvers<string>()
    return { ...page, answer: readInBulk(clientId, () => page.promise) }
  }
  const refused = { code: 'rate_limited', retryAfterSeconds: 1 }
  const isFull = () =>
    t.rejects(
      readInBulk('ours', async () => 'page'),
      refused,
    )
  const [first, second] = [hold('ours'), hold('ours')]
  await isFull()
  t.equal(await readInBulk('theirs', async () => 'page'), 'page', 'another client has its own')

  first.reject(new Error('the database is away'))
  await t.rejects(first.answer, /is away/)
  const third = hold('ours')
  await isFull()
  second.resolve('page')
  t.equal(await second.answer, 'page')
  const fourth = hold('ours')
  await isFull()
  for (const { resolve, answer } of [third, fourth]) {
    resolve('page')
    t.equal(await answer, 'page')
  }
  t.equal(await readInBulk('ours', async () => 'page'), 'page')
})

t.test('where some may wait they take turns, in the order in which they came', async (t) => {
  const read = createBulkReads({ atOnceMax: 1, waitingMax: 2 })
  const begun: number[] = []
  const hold = (number: number) => {
    const page = Promise.withResolvers<string>()
    const answer = read('ours', () => {
      begun.push(number)
      return page.promise
    })
    return { ...page, answer }
  }
  const [first, second, third] = [hold(1), hold(2), hold(3)]
  await t.rejects(hold(4).answer, { code: 'rate_limited' })
  t.strictSame(begun, [1])
  first.reject(new Error('the database is away'))
  await t.rejects(first.answer, /is away/)
  await Promise.resolve()
  t.strictSame(begun, [1, 2])
  second.resolve('page')
  third.resolve('page')
  t.strictSame(await Promise.all([second.answer, third.answer]), ['page', 'page'])
  const last = hold(5)
  last.resolve('page')
  await last.answer
  t.strictSame(begun, [1, 2, 3, 5])
})

await onPostgresql(t, 'beyond them it is told to come again, and finds room after a failure', async (t, makePlace) => {
  const place = await makePlace('identity')
  const identity = await startIdentity(t, place)
  const ours = { in: await regionToken(identity, 'in'), us: await regionToken(identity, 'us') }
  const read = (region: 'in' | 'us', what: string) => identity.get(`/v1/regions/${region}/${what}`, ours[region])
  const holder = new pg.Client(place.url)
  await holder.connect()
  t.teardown(() => holder.end())
  for (const what of ['snapshot', 'digests', 'changes'] as const) {
    await holder.query('BEGIN; LOCK TABLE change')
    const asked = Array.from({ length: what === 'changes' ? 60 : 10 }, () => read('in', what))
    t.equal((await read('us', what)).status, 503, 'another client is not refused')
    const refused = (await Promise.all(asked)).filter(({ status }) => status !== 503)
    t.ok(refused.length > 0, what)
    for (const reply of refused) {
      t.match(reply, { status: 429, body: { code: 'rate_limited' }, headers: { 'retry-after': '1' } })
    }
    await holder.query('ROLLBACK')
    const again = await Promise.all([read('in', what), read('in', what)])
    t.strictSame(
      again.map(({ status }) => status),
      [200, 200],
    )
  }
})
