// Orders to regions: one at a time each, given by sys-admins, carried out by the region, whose last word stands.
import { type SyncProgress, syncOrderCreateSchema } from '@meridian/protocol/sync-orders'
import t, { type Test } from 'tap'
import { syncAndWait } from '../../services/identity/src/directory/await-sync.ts'
import { COMMAND, OPERATOR } from '../../services/identity/src/directory/by-actor.ts'
import { cancelUnfinishedOrders, orderSync } from '../../services/identity/src/directory/sync-orders.ts'
import { Refusal } from '../../services/identity/src/refusal.ts'
import { insertSyncOrder, listOpenOrders } from '../../services/identity/src/store/sync-orders.ts'
import { eachEngine, onPostgresql, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, idempotencyKey, startIdentity } from '../support/identity.ts'
import { sysAdminToAsk } from '../support/organizations.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { regionToken } from '../support/region-lanes.ts'
import { hearOfRegions } from '../support/region-reports.ts'

t.setTimeout(150_000)

const ORDER = { region: 'in', kind: 'rebuild', requestedBy: null, isForced: false } as const
const NOTHING = { rows: 0, differing: 0, mended: 0, named: [], error: null }

async function start(t: Test, place: Parameters<Parameters<typeof eachEngine>[2]>[1], instances = 1) {
  const identity = await startIdentity(t, await place('identity'), { settings: UNHURRIED, instances })
  const root = await sysAdminToAsk(identity)
  const order = (body: object, key?: string) =>
    root('POST', '/v1/sync/orders', { kind: 'compare', regions: null, ...body }, key ? { 'idempotency-key': key } : {})
  const read = async (id: string) => (await root('GET', `/v1/sync/orders/${id}`)).body
  return { identity, root, order, read }
}

/** As the region says it. */
async function speaker(identity: IdentityUnderTest, region: 'in' | 'us' = 'in') {
  const token = await regionToken(identity, region)
  return (id: string, progress: Partial<SyncProgress>, of: string = region) =>
    identity.inject({
      method: 'PUT',
      url: `/v1/regions/${of}/orders/${id}`,
      headers: { authorization: `Bearer ${token}` },
      payload: { status: 'running', done: 0, total: null, report: NOTHING, ...progress },
    })
}

const auditOf = async (identity: IdentityUnderTest) =>
  (await ask(identity, "SELECT kind, region FROM audit_event WHERE kind LIKE 'sync.%' ORDER BY id")).map(
    ({ kind, region }) => `${kind} ${region}`,
  )

t.test('orders', async (t) => {
  await eachEngine(t, 'one at a time for each region, and one that is busy keeps no other', async (t, place) => {
    const { identity, root, order, read } = await start(t, place)
    t.match(await order({ dry_run: true }), {
      status: 200,
      body: { dry_run: true, regions: [{ region: 'in', outcome: 'would_order', order: null }, { region: 'us' }] },
    })
    t.strictSame(await listOpenOrders(identity.db, 'in'), [], 'a dry run orders nothing')
    const first = await order({ regions: ['in'] })
    t.equal(first.status, 201, first.text)
    const [{ order: ordered }] = first.body['regions']
    t.match(ordered, { region: 'in', kind: 'compare', status: 'queued', done: 0, total: null, report: null })
    t.strictSame(await listOpenOrders(identity.db, 'in'), [{ id: ordered.id, kind: 'compare' }])
    const all = await order({ kind: 'repair' })
    t.match(all.body['regions'], [
      { region: 'in', outcome: 'conflict', open_order: ordered.id, order: null },
      { region: 'us', outcome: 'ordered', open_order: null },
    ])
    t.match(await order({ kind: 'repair' }), { status: 409, body: { code: 'conflict' } }, 'where nothing is ordered')
    t.match((await order({ dry_run: true, force: true })).body['regions'], [
      { outcome: 'would_order', open_order: ordered.id },
    ])
    const forced = await order({ kind: 'rebuild', regions: ['in'], force: true })
    t.match(forced.body['regions'], [{ outcome: 'ordered', open_order: ordered.id }])
    t.match(await listOpenOrders(identity.db, 'in'), [{ kind: 'rebuild', force: true }], 'the region hears of it')
    t.match(await read(ordered.id), { status: 'cancelled', finished_at: String })
    t.match(await order({ regions: ['mars'] }), { status: 422, body: { code: 'unknown_region' } })
    t.match(await order({ regions: ['in', 'mars'], force: true }), { status: 422 }, 'all or none of a list')
    const key = idempotencyKey()
    const done = await order({ kind: 'compare', force: true }, key)
    t.strictSame((await order({ kind: 'compare', force: true }, key)).body, done.body, 'a repeat orders nothing')
    t.equal((await order({ kind: 'repair', force: true }, key)).body['code'], 'idempotency_key_reused')
    const list = await root('GET', '/v1/sync/orders?limit=2&region=in')
    t.match(list.body['orders'], [
      { kind: 'compare', status: 'queued' },
      { kind: 'rebuild', status: 'cancelled' },
    ])
    const rest = await root('GET', `/v1/sync/orders?limit=2&region=in&cursor=${list.body['next_cursor']}`)
    t.match(rest.body, { orders: [{ id: ordered.id }], next_cursor: null })
    t.strictSame((await auditOf(identity)).slice(0, 4), [
      'sync.ordered in',
      'sync.ordered us',
      'sync.cancelled in',
      'sync.ordered in',
    ])
  })

  await eachEngine(t, 'the region tells how it goes, and its last word stands', async (t, place) => {
    const { identity, order, read } = await start(t, place)
    const say = await speaker(identity)
    const other = await speaker(identity, 'us')
    const { id } = (await order({ regions: ['in'] })).body['regions'][0].order
    t.equal((await say(id, { done: 500, total: 1000 })).status, 204)
    t.match(await read(id), { status: 'running', done: 500, total: 1000, finished_at: null })
    t.equal((await other(id, {})).status, 404, "another region's is not there")
    t.equal((await other(id, {}, 'in')).status, 403)
    t.equal((await say(identity.deps.makeId(), {})).status, 404, 'nor is one that nobody gave')
    const named = [{ kind: 'user', id: 'x', what: 'missing' as const, held_revision: null, revision: 7 }]
    const report = { ...NOTHING, rows: 1000, differing: 1, named }
    const last = { status: 'done' as const, done: 1000, total: 1000, report }
    t.equal((await say(id, last)).status, 204)
    t.match(await read(id), { status: 'done', report, finished_at: String })
    const finished = await read(id)
    t.equal((await say(id, { ...last, report: NOTHING })).status, 204, 'said again')
    t.match(await say(id, { done: 1 }), { status: 409, body: { code: 'conflict' } })
    t.match(await say(id, { status: 'failed' }), { status: 409 })
    t.strictSame(await read(id), finished, 'nothing changes any more')
    t.strictSame(await listOpenOrders(identity.db, 'in'), [])
    t.strictSame(await auditOf(identity), ['sync.ordered in', 'sync.finished in'])
    const [row] = named
    for (const wrong of [
      { status: 'cancelled' },
      { done: -1 },
      { done: 2_147_483_648 },
      { total: 2_147_483_648 },
      { report: { ...NOTHING, more: 1 } },
      { report: { ...NOTHING, differing: 2_147_483_648 } },
      { report: { ...NOTHING, error: '\u001b[2J' } },
      { report: { ...NOTHING, error: '\ud800' } },
      { report: { ...NOTHING, named: [{ ...row, id: 'a\nb' }] } },
    ])
      t.equal((await say(id, wrong as never)).status, 400)
    t.equal((await say('x', {})).status, 404)
  })

  await eachEngine(
    t,
    'what is not finished within a day is cancelled, and the region gives it up',
    async (t, place) => {
      const { identity, order } = await start(t, place)
      const { id } = (await order({ regions: ['in'] })).body['regions'][0].order
      await shiftClock(identity.db, 86_300)
      t.equal(await cancelUnfinishedOrders(identity.deps), 0)
      await shiftClock(identity.db, 86_401)
      t.equal(await cancelUnfinishedOrders(identity.deps), 1)
      const say = await speaker(identity)
      t.equal((await say(id, { status: 'done' })).status, 409)
      t.strictSame(await auditOf(identity), ['sync.ordered in', 'sync.cancelled in'])
    },
  )
})

t.test('whoever orders', async (t) => {
  await eachEngine(t, 'has signed in a short while ago, and is a sys-admin still', async (t, place) => {
    const settings = { ...UNHURRIED, stepUpMaxAgeSeconds: 60 }
    const identity = await startIdentity(t, await place('identity'), { settings })
    const root = await sysAdminToAsk(identity)
    const wanted = { kind: 'compare', regions: null } as const
    await shiftClock(identity.db, 120)
    const stale = await root('POST', '/v1/sync/orders', wanted)
    t.match(stale, { status: 401, body: { code: 'insufficient_user_authentication' } })
    const [ada] = await ask(identity, "SELECT id::text FROM user_account WHERE email = 'ada@acme.test'")
    const dismissed = { userId: String(ada?.['id']), clientId: 'native', sessionId: identity.deps.makeId() }
    const ordering = orderSync(identity.deps, dismissed, syncOrderCreateSchema.parse(wanted), undefined, COMMAND)
    await t.rejects(ordering, { code: 'access_denied' })
    t.strictSame(await listOpenOrders(identity.db, 'in'), [])
  })
})

t.test('races', async (t) => {
  await onPostgresql(t, 'of many who order at once, one does, for each region', async (t, place) => {
    const { identity } = await start(t, place)
    // By command: nothing that is locked on the way lets them take turns.
    const order = (wish: { regions: readonly string[] | null; force: boolean }) =>
      orderSync(
        identity.deps,
        OPERATOR,
        syncOrderCreateSchema.parse({ kind: 'compare', ...wish }),
        undefined,
        COMMAND,
      ).then(
        () => 'ordered',
        (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
      )
    const answers = await Promise.all(Array.from({ length: 8 }, () => order({ regions: ['in'], force: false })))
    t.equal(answers.filter((answer) => answer === 'ordered').length, 1)
    t.equal(answers.filter((answer) => answer === 'conflict').length, 7)
    const forced = await Promise.all(Array.from({ length: 6 }, () => order({ regions: null, force: true })))
    t.strictSame(
      forced.filter((answer) => answer !== 'ordered' && answer !== 'conflict'),
      [],
    )
    for (const region of ['in', 'us']) t.equal((await listOpenOrders(identity.db, region)).length, 1, region)
  })

  await onPostgresql(t, 'the last word is one word, however many come at once', async (t, place) => {
    const { identity, order, read } = await start(t, place)
    const say = await speaker(identity)
    const { id } = (await order({ regions: ['in'] })).body['regions'][0].order
    const words = ['done', 'failed', 'done', 'failed'] as const
    const answers = await Promise.all(words.map((status, done) => say(id, { status, done })))
    const { status, done } = await read(id)
    t.equal(words[done], status)
    t.strictSame(
      answers.map((answer) => answer.status),
      words.map((word) => (word === status ? 204 : 409)),
    )
    t.equal((await auditOf(identity)).filter((kind) => kind === 'sync.finished in').length, 1)
  })
})

t.test('orders that somebody waits for', async (t) => {
  await eachEngine(t, 'each region by itself: away, busy, done, failed; with progress on the way', async (t, place) => {
    const { identity } = await start(t, place)
    const wait = (wish: object = {}, onProgress: (done: number, total: number) => void = () => {}) =>
      syncAndWait(identity.deps, { kind: 'compare', regions: undefined, force: false, ...wish }, onProgress)
    t.match((await wait()).regions, [{ outcome: 'unreachable', order: null }, { outcome: 'unreachable' }])
    t.strictSame(await auditOf(identity), [], 'nothing is ordered of who is not there')
    await hearOfRegions(identity, 3600)
    const busy = await insertSyncOrder(identity.db, { ...ORDER, id: identity.deps.makeId() })
    const seen: string[] = []
    const waiting = wait({}, (done, total) => void seen.push(`${done} of ${total}`))
    const us = await untilOrdered(identity, 'us')
    const say = await speaker(identity, 'us')
    await say(us, { done: 5, total: 10 })
    await until(() => seen.includes('5 of 10'))
    const named = [{ kind: 'user', id: 'x', what: 'extra' as const, held_revision: 3, revision: null }]
    await say(us, { status: 'done', done: 10, total: 10, report: { ...NOTHING, rows: 10, differing: 1, named } })
    t.match(await waiting, {
      regions: [
        { region: 'in', outcome: 'busy', order: null },
        { region: 'us', outcome: 'done', rows: 10, differing: 1 },
      ],
      drift: [{ region: 'us', ...named[0] }],
    })
    const forced = wait({ regions: ['in'], force: true, kind: 'repair' })
    const order = await untilOrdered(identity, 'in', busy?.id)
    const report = { ...NOTHING, error: 'the database is full' }
    await (await speaker(identity))(order, { status: 'failed', report })
    t.match(await forced, { regions: [{ region: 'in', outcome: 'failed', error: 'the database is full' }] })
    await t.rejects(wait({ regions: ['in', 'mars'] }), { code: 'unknown_region' })
  })
})

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function untilOrdered(identity: IdentityUnderTest, region: string, but?: string): Promise<string> {
  let id = ''
  await until(async () => {
    id = (await listOpenOrders(identity.db, region)).find((order) => order.id !== but)?.id ?? ''
    return id !== ''
  })
  return id
}
