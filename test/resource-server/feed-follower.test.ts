// Following the change feed: what a process does when the centre is away, has lost its place, was restored, or would like
// something done. Against a simulated centre; what must hold whatever happens is in feed-properties.test.ts.
import type { FeedKind } from '@meridian/protocol/feed'
import t, { type Test } from 'tap'
import { makeFeedWorld, type Process } from './feed-world.ts'
import { heldRows, openEmbeddedReplica, type ReplicaDatabase } from './replica-database.ts'

const database = await openEmbeddedReplica(t)

type World = ReturnType<typeof makeFeedWorld> & {
  told: string[]
  put(id: string, origin?: string): void
  remove(id: string): void
}

async function setUp(people = 0): Promise<World & { it: Process }> {
  await database.empty()
  const told: string[] = []
  const world = makeFeedWorld(database, async (_query, changes) => {
    told.push(...changes.map(({ id, state }) => (state === null ? `-${id}` : id)))
  })
  const put = (id: string, origin = 'https://a.example.test') =>
    world.centre.change('client', id, { allowed_origins: [origin] })
  for (let n = 0; n < people; n += 1) put(nameOf(n))
  return { ...world, told, put, remove: (id) => world.centre.change('client', id, null), it: world.makeProcess() }
}

/** As feed-loaders.test.ts sees it. */
const CHANGES_TIMEOUT_SECONDS = 8

const nameOf = (n: number) => `c${String(n).padStart(3, '0')}`

async function live(from: ReplicaDatabase = database): Promise<string[]> {
  const rows = await heldRows(from)
  return rows.filter(({ state }) => state !== null).map(({ id, revision }) => `${id} ${revision}`)
}

async function isTheView(t: Test, { centre }: World, message: string): Promise<void> {
  t.strictSame(
    await live(),
    centre.view().map(({ id, revision }) => `${id} ${revision}`),
    message,
  )
}

t.test('it follows to the end, and tells which kinds have changed, after the commit', async (t) => {
  const world = await setUp(8)
  const { it, centre } = world
  const kinds: FeedKind[][] = []
  let rowsThen = -1
  it.follower.onApplied((changed) => {
    kinds.push([...changed] as FeedKind[])
    heldRows(database).then((rows) => {
      rowsThen = rows.length
    })
  })
  t.equal(it.follower.caughtUpAtMs(), null)
  t.equal(it.follower.staleSeconds(), Number.POSITIVE_INFINITY)
  t.equal(it.follower.behindSeconds(), null)
  await it.follower.refresh()
  t.equal(rowsThen >= 0 ? rowsThen : 3, 3)
  t.ok((it.follower.behindSeconds() ?? 0) > 0, 'there is more')
  t.equal(it.follower.staleSeconds(), Number.POSITIVE_INFINITY, 'not at the end yet')
  await it.catchUp()
  await isTheView(t, world, 'all of it')
  t.strictSame(kinds, [['client'], ['client'], ['client']])
  t.equal(it.follower.behindSeconds(), 0)
  const caughtUpAtMs = it.follower.caughtUpAtMs() ?? 0
  centre.advanceSeconds(61)
  t.equal(it.follower.staleSeconds(), (centre.nowMs() - caughtUpAtMs) / 1000)
  centre.advanceSeconds(-3600)
  t.ok(it.follower.staleSeconds() > 60, 'a clock that is set back makes it no younger')
})

t.test('what was written before is not asked for again, and a start without a database fails', async (t) => {
  const { it, makeProcess, told, put } = await setUp(8)
  await it.catchUp()
  told.length = 0
  const next = makeProcess()
  await next.follower.start()
  t.match(next.follower.place(), { cursor: it.follower.place()?.cursor })
  put('new')
  await next.catchUp()
  t.strictSame(told, ['new'])
  const dead = makeProcess()
  dead.dieAtQuery(1)
  await t.rejects(dead.follower.start(), /process died/)
})

t.test('it comes back within seconds, says so once a minute, and never asks without a pause', async (t) => {
  const { it, centre } = await setUp(2)
  await it.catchUp()
  t.equal(it.delays.at(-1), 900, 'nothing new from a centre that does not wait')
  for (let failure = 0; failure < 8; failure += 1) {
    it.faults.loseAnswer = true
    await it.follower.refresh()
  }
  t.strictSame(it.delays.slice(-8), [125, 250, 500, 1000, 2000, 2000, 2000, 2000])
  t.equal(it.log.filter(({ level }) => level === 'warn').length, 1)
  centre.advanceSeconds(61)
  it.faults.loseAnswer = true
  await it.follower.refresh()
  t.equal(it.log.filter(({ level }) => level === 'warn').length, 2)
  await it.follower.refresh()
  t.match(it.log.at(-1), { level: 'info', message: 'the change feed is followed again' })
})

t.test(
  'after a start and after a failure it asks without waiting, so that it knows at once how old its news are',
  async (t) => {
    const { it } = await setUp(2)
    await it.follower.refresh()
    await it.follower.refresh()
    it.faults.loseAnswer = true
    await it.follower.refresh()
    await it.follower.refresh()
    await it.follower.refresh()
    t.strictSame(it.askedToWait, [0, 10, 10, 0, 10])
  },
)

t.test('news of a quiet centre are younger than 30 s, even when a question times out', async (t) => {
  const { it, centre } = await setUp(2)
  await it.catchUp()
  const answers = (afterSeconds: number) => {
    it.faults.meanwhile = async () => centre.advanceSeconds(afterSeconds)
    return it.follower.refresh()
  }
  const waited = () => it.askedToWait.at(-1) ?? Number.NaN
  await it.follower.refresh()
  await answers(waited())
  it.faults.loseAnswer = true
  await answers(waited() + CHANGES_TIMEOUT_SECONDS)
  t.ok(it.follower.staleSeconds() > CHANGES_TIMEOUT_SECONDS)
  t.ok(it.follower.staleSeconds() < 30, `${it.follower.staleSeconds()} s`)
  await answers(0)
  t.equal(waited(), 0)
  t.ok(it.follower.staleSeconds() < 1, 'and are known to be new at once')
})

t.test('a centre that is busy is asked when it said, and nobody is told', async (t) => {
  const { it } = await setUp(2)
  await it.catchUp()
  for (let time = 0; time < 3; time += 1) {
    it.faults.busyMs = 9_000
    await it.follower.refresh()
  }
  t.strictSame(it.delays.slice(-3), [9_000, 9_000, 9_000], 'no sooner, and no later however often')
  it.faults.loseAnswer = true
  await it.follower.refresh()
  t.equal(it.delays.at(-1), 125, 'it counts as no failure')
  const compared = it.follower.compare()
  it.faults.busyMs = 9_000
  t.match(await it.settle(compared), { differing: 0, error: null }, 'what is asked for goes on')
  t.equal(it.log.filter(({ level }) => level !== 'info').length, 1)
})

t.test('a reply to COMMIT that was lost is no loss, and nothing is written twice', async (t) => {
  const world = await setUp(3)
  const { it, told } = world
  it.loseNextReply()
  await it.follower.refresh()
  await it.follower.refresh()
  it.loseNextReply()
  await it.catchUp()
  await isTheView(t, world, 'all of it')
  t.strictSame(told, ['c000', 'c001', 'c002'])
})

t.test('what another process has written is news here too', async (t) => {
  const { it, makeProcess, put } = await setUp(2)
  const other = makeProcess()
  await it.catchUp()
  await other.catchUp()
  const kinds: string[] = []
  it.follower.onApplied((changed) => kinds.push(...changed))
  put('new')
  it.faults.meanwhile = async () => other.catchUp()
  await it.follower.refresh()
  t.ok(kinds.includes('client'), 'its page came too late, and something has changed')
  kinds.length = 0
  await other.settle(other.follower.rebuild())
  await it.follower.refresh()
  t.ok(kinds.includes('client'), 'also where the feed has nothing to tell')
})

t.test('a place that another process has left is not asked from', async (t) => {
  const { it, makeProcess, put } = await setUp(2)
  const other = makeProcess()
  await it.catchUp()
  const kinds: string[] = []
  it.follower.onApplied((changed) => kinds.push(...changed))
  put('new')
  await other.catchUp()
  const asked = it.askedFrom.length
  await it.follower.refresh()
  t.strictSame(it.askedFrom.slice(asked), [other.follower.place()?.cursor])
  t.ok(kinds.includes('client'), 'and what it wrote is told')
})

t.test('a lost place: what differs is mended, and told of, and the rest is not touched', async (t) => {
  const world = await setUp(60)
  const { it, centre, told, put, remove } = world
  await it.catchUp()
  const turn = Number(it.follower.place()?.turn)
  told.length = 0
  put('c007', 'https://new.example.test')
  remove('c020')
  put('c020x')
  centre.compact()
  centre.forgetGone()
  // Where it was compared already, and found to be the same.
  it.faults.meanwhile = async () => put('c001', 'https://meanwhile.example.test')
  await it.follower.refresh()
  t.strictSame(told, ['c007', 'c020x', '-c020'])
  await it.catchUp()
  await isTheView(t, world, 'the view')
  t.strictSame(told.slice(3), ['c001'])
  t.equal(it.follower.place()?.rebuild, null)
  t.ok(Number(it.follower.place()?.turn) - turn < 10, 'a few ranges')
  t.match(it.log, [{ level: 'warn', message: /place in the change feed is lost/ }])
})

t.test('a lost place where much differs: everything is read anew, and nobody misses what stayed', async (t) => {
  const world = await setUp(60)
  const { it, centre, told, put, remove } = world
  await it.catchUp()
  told.length = 0
  const stays: string[] = []
  for (let n = 0; n < 60; n += 3) {
    put(nameOf(n), 'https://new.example.test')
    remove(nameOf(n + 1))
    stays.push(nameOf(n), nameOf(n + 2))
  }
  centre.forgetGone()
  await it.follower.refresh()
  t.not(it.follower.place()?.rebuild, null)
  while (it.follower.place()?.rebuild !== null) {
    await it.follower.refresh()
    const rows = new Set((await live()).map((row) => row.split(' ')[0]))
    t.ok(
      stays.every((id) => rows.has(id)),
      'served all the while',
    )
  }
  await isTheView(t, world, 'the view')
  t.equal(new Set(told).size, told.length)
  t.equal(told.length, 60, 'everything is told: 40 that are there, 20 that are gone')
})

t.test('a centre that was restored and says so: its word is newer, whatever its revisions', async (t) => {
  const world = await setUp(6)
  const { it, centre, put, remove } = world
  centre.save()
  for (let n = 0; n < 6; n += 1) put(nameOf(n), 'https://lost.example.test')
  remove('c003')
  put('lost')
  await it.catchUp()
  centre.restore({ isTold: true })
  put('c001', 'https://later.example.test')
  await it.catchUp()
  await isTheView(t, world, 'the view')
  t.equal(it.follower.place()?.epoch, '2')
  put('c003', 'https://later.example.test')
  put('lost', 'https://later.example.test')
  await it.catchUp()
  await isTheView(t, world, 'and what was gone comes back under smaller revisions')
})

t.test('a centre that was restored and does not say so: its place is not known there, and all is mended', async (t) => {
  const world = await setUp(6)
  const { it, centre, put, remove } = world
  centre.save()
  for (let n = 0; n < 6; n += 1) put(nameOf(n), 'https://lost.example.test')
  remove('c003')
  put('lost')
  await it.catchUp()
  centre.restore({ isTold: false })
  put('other')
  await it.catchUp()
  await isTheView(t, world, 'the view')
  remove('c003')
  put('c003')
  put('lost')
  await it.catchUp()
  await isTheView(t, world, 'and what was gone in the other history comes back')
})

t.test('an answer under an older epoch is refused, loudly, and nothing of it is written', async (t) => {
  const world = await setUp(2)
  const { it, centre, put } = world
  centre.save()
  await it.catchUp()
  centre.restore({ isTold: true })
  await it.catchUp()
  centre.restore({ isTold: false })
  put('new')
  await it.follower.refresh()
  t.match(it.log.at(-1), { level: 'error', details: { alarm: true }, message: 'the change feed is refused' })
  t.equal(it.follower.place()?.epoch, '2')
  t.strictSame((await live()).length, 2)
})

t.test('a page under an older epoch is refused as well, whatever the centre thinks of the place', async (t) => {
  const { it, centre } = await setUp(2)
  await it.catchUp()
  it.faults.repeatAnswer = true
  await database.query('UPDATE replica_place SET epoch = 9, cursor = NULL, turn = turn + 1')
  await it.follower.refresh()
  await it.follower.refresh()
  t.match(it.log.at(-1), { level: 'error', message: 'the change feed is refused' })
  t.equal(centre.epoch(), '1')
})

t.test('a rebuild that is killed at every step goes on where it was, and ends as it should', async (t) => {
  const world = await setUp(30)
  const { it, makeProcess, told, centre } = world
  await it.catchUp()
  await database.query(
    `UPDATE replica_entity SET state = '{"allowed_origins": ["https://bad.example.test"]}' WHERE id < 'c005'`,
  )
  await database.query(`UPDATE replica_entity SET revision = 999 WHERE id = 'c006'`)
  await database.query(`DELETE FROM replica_entity WHERE id = 'c010'`)
  await database.query(
    `INSERT INTO replica_entity VALUES ('client', 'extra', 1, 3, '{"allowed_origins": []}', 1, NULL)`,
  )
  told.length = 0
  await it.follower.stop()
  const begins = makeProcess()
  begins.follower.rebuild(() => {}, undefined, { isForced: true }).catch(() => {})
  begins.dieAtQuery(6)
  await begins.follower.refresh()
  const rows: number[] = []
  for (let kills = 0; ; kills += 1) {
    const place = await world.it.replica.place()
    if (place.rebuild === null) break
    rows.push(place.rebuild.rows)
    const next = makeProcess()
    // Each gets a little further before it dies, and begins again at the first statement after each page.
    next.dieAtQuery(1 + (kills % 14))
    await next.follower.refresh()
    t.ok(kills < 400, 'it ends')
  }
  t.ok(rows.length > 15, `${rows.length} processes`)
  t.strictSame(
    rows,
    [...rows].sort((one, other) => one - other),
    'it never begins anew',
  )
  await isTheView(t, world, 'the view')
  const all = (await live()).map((row) => row.split(' ')[0] ?? '')
  t.strictSame([...new Set(told)].sort(), ['-extra', ...all], 'what does not differ is told too')
  t.equal(centre.epoch(), '1')
})

t.test('a rebuild that is asked for joins the one under way', async (t) => {
  const world = await setUp(30)
  const { it, makeProcess } = world
  await it.catchUp()
  const first = makeProcess()
  first.follower.rebuild(() => {}, undefined, { isForced: true }).catch(() => {})
  first.dieAtQuery(12)
  await first.follower.refresh()
  const begun = await it.replica.place()
  t.ok((begun.rebuild?.rows ?? 0) > 0)
  const next = makeProcess()
  const done: number[] = []
  const report = await next.settle(next.follower.rebuild((rows) => done.push(rows)))
  t.match(report, { rows: 30, differing: 0, error: null })
  t.ok((done[0] ?? 0) > (begun.rebuild?.rows ?? 0))
  t.equal(done.at(-1), 30)
})

t.test('drift is named, what is on its way is not, and repair mends only that', async (t) => {
  const world = await setUp(40)
  const { it, centre, told, put, remove } = world
  await it.catchUp()
  await database.query(
    `UPDATE replica_entity SET state = '{"allowed_origins": ["https://bad.example.test"]}' WHERE id = 'c001'`,
  )
  await database.query(`DELETE FROM replica_entity WHERE id = 'c010'`)
  await database.query(
    `INSERT INTO replica_entity VALUES ('client', 'extra', 1, 3, '{"allowed_origins": []}', 1, NULL)`,
  )
  // It comes while rows are being looked at.
  put('c020', 'https://new.example.test')
  let answers = 0
  const change = async () => {
    answers += 1
    put('c001x', `https://${answers}.example.test`)
    remove('c002')
    it.faults.meanwhile = change
  }
  it.faults.meanwhile = change
  const named = [
    { kind: 'client', id: 'c001', what: 'different', held_revision: 2, revision: 2 },
    { kind: 'client', id: 'c010', what: 'missing', held_revision: null, revision: 11 },
    { kind: 'client', id: 'extra', what: 'extra', held_revision: 3, revision: null },
  ]
  const report = await it.settle(it.follower.compare())
  t.match(report, { rows: 40, differing: 3, mended: 0, named, error: null })
  t.ok(answers > 5, 'something changed with each answer')
  it.faults.meanwhile = null
  await it.catchUp()
  told.length = 0
  t.match(await it.settle(it.follower.repair()), { differing: 3, mended: 3, named })
  t.strictSame(told.sort(), ['-extra', 'c001', 'c010'])
  await isTheView(t, world, 'the view')
  t.match(await it.settle(it.follower.compare()), { differing: 0, named: [] })
  t.equal(centre.epoch(), '1')
})

t.test('a comparison of much holds up nothing: between its pages the feed is followed', async (t) => {
  const world = await setUp(30)
  const { it, told, put } = world
  await it.catchUp()
  told.length = 0
  const toldAt: Record<number, string[]> = {}
  const asked = it.follower.compare((done, total) => {
    if (total !== null) return
    if (done === 3) put('c001', 'https://meanwhile.example.test')
    toldAt[done] = [...told]
  })
  t.match(await it.settle(asked), { rows: 30, differing: 0 })
  t.strictSame([toldAt[6], toldAt[9], toldAt[30]], [[], ['c001'], ['c001']])
})

t.test(
  'what is seen in lists and cannot be told yet is no drift, nor is it mended; comparing does not wait for ever',
  async (t) => {
    const world = await setUp(10)
    const { it, centre, put } = world
    await it.catchUp()
    centre.hold()
    put('c003', 'https://on.its.way.test')
    const asked = it.settle(it.follower.repair())
    await t.rejects(asked, /could not be caught up with/)
    t.equal((await live()).includes('c003 4'), true, 'as it was')
    centre.release()
    t.match(await it.settle(it.follower.repair()), { differing: 0, mended: 0 })
    await isTheView(t, world, 'the view')
  },
)

t.test('a row that another process writes meanwhile is not mended back', async (t) => {
  const world = await setUp(10)
  const { it, makeProcess, put } = world
  const other = makeProcess()
  await it.catchUp()
  await other.catchUp()
  await database.query(
    `UPDATE replica_entity SET state = '{"allowed_origins": ["https://bad.example.test"]}' WHERE id = 'c001'`,
  )
  const place = await it.replica.place()
  const span = { after: null, through: 'client/c001' }
  const { entries } = await world.centre.loaders.loadSnapshot(span, new AbortController().signal)
  const listing = { span, entries, epoch: '1' }
  const { differences } = await it.replica.differences(listing)
  t.strictSame(
    differences.map(({ id }) => id),
    ['c001'],
  )
  put('c001', 'https://newer.example.test')
  await other.catchUp()
  t.equal(await it.replica.mend(place, differences, listing), null, 'not from a place that is over')
  await it.replica.mend(await it.replica.place(), differences, listing)
  await isTheView(t, world, 'the newer one stays')
})

t.test('where much has drifted a repair reads everything anew', async (t) => {
  const world = await setUp(60)
  const { it } = world
  await it.catchUp()
  await database.query('DELETE FROM replica_entity')
  t.match(await it.settle(it.follower.repair()), { rows: 60, differing: 60, mended: 60, named: [] })
  await isTheView(t, world, 'the view')
})

const idsOf = (count: number) => Array.from({ length: count }, (_, n) => nameOf(n))
const HELD_BACK = /^\d+ of \d+ rows that are held would be taken away: that asks for an order by force$/

for (const [what, people, lost] of [
  ['more than a hundred rows and a tenth', 1100, 115],
  ['everything, however little', 8, 8],
] as const) {
  t.test(`a repair that would take away ${what} mends the rest, says so, and waits to be forced`, async (t) => {
    const world = await setUp(people)
    const { it, centre, put } = world
    centre.setPageLimit(500)
    await it.catchUp()
    await database.query(
      `UPDATE replica_entity SET state = '{"allowed_origins": ["https://bad.example.test"]}' WHERE id = '${nameOf(people - 1)}'`,
    )
    centre.lose(idsOf(lost))
    const held = (await live()).length
    const isEmpty = lost === people
    const report = await it.settle(it.follower.repair())
    t.match(report, { differing: isEmpty ? lost : lost + 1, mended: isEmpty ? 0 : 1, error: HELD_BACK })
    t.equal((await live()).length, held, 'nothing is taken away')
    t.match(
      it.log.filter(({ level }) => level === 'error'),
      [{ details: { alarm: true, why: HELD_BACK }, message: /lists no more is kept/ }],
    )
    t.match(await it.settle(it.follower.rebuild()), { mended: 0, error: HELD_BACK })
    t.equal((await live()).length, held)
    put('new')
    await it.catchUp()
    t.ok(
      (await live()).some((row) => row.startsWith('new ')),
      'the feed is followed',
    )
    t.match(await it.settle(it.follower.repair(() => {}, undefined, { isForced: true })), { error: null })
    await isTheView(t, world, 'by force')
  })

  t.test(`a lost place where ${what} would go: it stays, the rest is made what it should be`, async (t) => {
    const world = await setUp(people)
    const { it, centre, put } = world
    centre.setPageLimit(500)
    await it.catchUp()
    centre.lose(idsOf(lost))
    it.faults.losePlace = true
    if (lost < people) put(nameOf(people - 1), 'https://new.example.test')
    await it.follower.refresh()
    it.faults.losePlace = false
    await it.catchUp()
    t.equal((await live()).length, people)
    t.match(it.log.at(-1), { level: 'error', details: { alarm: true, why: HELD_BACK } })
    put('new')
    await it.catchUp()
    t.equal((await live()).length, people + 1, 'the feed is followed again')
    t.match(await it.settle(it.follower.rebuild(() => {}, undefined, { isForced: true })), { error: null })
    await isTheView(t, world, 'by force')
  })
}

t.test('a hundred rows, or a tenth of more, are taken away unasked', async (t) => {
  for (const [people, lost] of [
    [140, 100],
    [1100, 110],
  ] as const) {
    const world = await setUp(people)
    const { it, centre } = world
    centre.setPageLimit(500)
    await it.catchUp()
    centre.lose(idsOf(lost))
    t.match(await it.settle(it.follower.repair()), { error: null })
    await isTheView(t, world, `${lost} of ${people}`)
  }
})

t.test('names of drift are bounded, its count is not', async (t) => {
  const world = await setUp(201)
  world.centre.setPageLimit(100)
  await world.it.catchUp()
  await database.query('DELETE FROM replica_entity')
  const report = await world.it.settle(world.it.follower.compare())
  t.equal(report.differing, 201)
  t.equal(report.named.length, 200)
})

t.test('what is asked for is tried again while the centre is away, and given up in the end', async (t) => {
  const world = await setUp(10)
  const { it } = world
  await it.catchUp()
  const [compared, rebuilt] = [it.follower.compare(), it.follower.rebuild()]
  for (const asked of [compared, rebuilt]) asked.catch(() => {})
  for (let failure = 0; failure < 3; failure += 1) {
    it.faults.loseAnswer = true
    await it.follower.refresh()
  }
  t.match(await it.settle(compared), { differing: 0, error: null })
  t.match(await it.settle(rebuilt), { rows: 10, error: null })
  const lost = it.follower.compare()
  lost.catch(() => {})
  for (let failure = 0; failure < 6; failure += 1) {
    it.faults.loseAnswer = true
    await it.follower.refresh()
  }
  await t.rejects(lost, /answer was lost/)
})

t.test('after a stop nothing is done, and what was asked for is refused', async (t) => {
  const { it } = await setUp(3)
  await it.catchUp()
  const [asked] = [it.follower.rebuild(), await it.follower.stop()]
  await asked.catch(() => {})
  await t.rejects(it.follower.compare(), /followed no more/)
})

t.test('what is put aside is said once a minute for each kind, and tried again every ten minutes', async (t) => {
  const { it, centre } = await setUp()
  const alarms = () => it.log.filter(({ level }) => level === 'error').map(({ details }) => details)
  centre.change('planet', 'mars', { size: 3 })
  centre.change('planet', 'venus', { size: 6 })
  await it.catchUp()
  t.strictSame(alarms(), [{ kind: 'planet', entries: 2, alarm: true }])
  centre.change('planet', 'mars', { size: 4 })
  centre.change('moon', 'io', { size: 1 })
  await it.catchUp()
  t.strictSame(alarms().slice(1), [{ kind: 'moon', entries: 1, alarm: true }])
  centre.advanceSeconds(61)
  centre.change('planet', 'mars', { size: 5 })
  await it.catchUp()
  t.equal(alarms().length, 3)
  await database.query(
    `INSERT INTO replica_parked VALUES ('client', 'known now', 1, 9, '{"allowed_origins": []}', 'unknown kind', 1)`,
  )
  await it.follower.refresh()
  t.strictSame(await live(), [])
  centre.advanceSeconds(600)
  await it.follower.refresh()
  t.strictSame(await live(), ['known now 9'])
})

t.test('a rebuild that cannot go on is asked for in smaller pages, and can be called off', async (t) => {
  const world = await setUp(12)
  const { it, put } = world
  await it.catchUp()
  const cursor = it.follower.place()?.cursor
  const calledOff = new AbortController()
  it.faults.listsAtMost = 100
  const asked = it.follower.rebuild(() => {}, calledOff.signal)
  const refused = t.rejects(asked, /abort/)
  for (let n = 0; n < 4; n += 1) await it.follower.refresh()
  t.strictSame([...new Set(it.askedLimits)].slice(0, 3), [1000, 500, 250])
  t.ok(it.follower.place()?.rebuild, 'begun')
  it.faults.listsAtMost = 0
  for (let n = 0; n < 4; n += 1) await it.follower.refresh()
  calledOff.abort()
  await it.follower.refresh()
  await refused
  put('c001', 'https://after.example.test')
  await it.catchUp()
  t.equal(it.follower.place()?.rebuild, null)
  t.not(it.follower.place()?.cursor, cursor, 'it follows on')
  await isTheView(t, world, 'the view')
  it.faults.listsAtMost = Number.POSITIVE_INFINITY
  it.askedLimits.length = 0
  await it.settle(it.follower.rebuild())
  t.ok((it.askedLimits.at(-1) ?? 0) > (it.askedLimits[0] ?? 0), 'and larger again')
})

t.test('a rebuild that is called off goes on where the place is lost', async (t) => {
  const world = await setUp(40)
  const { it, centre } = world
  centre.save()
  await it.catchUp()
  centre.restore({ isTold: true })
  const calledOff = new AbortController()
  it.faults.listsAtMost = 0
  const refused = t.rejects(
    it.follower.rebuild(() => {}, calledOff.signal),
    /abort/,
  )
  for (let n = 0; n < 3; n += 1) await it.follower.refresh()
  calledOff.abort()
  await it.follower.refresh()
  await refused
  t.ok(it.follower.place()?.rebuild)
  it.faults.listsAtMost = Number.POSITIVE_INFINITY
  await it.catchUp()
  await isTheView(t, world, 'the view')
})

t.test('a place that is lost again and again is looked for with growing pauses', async (t) => {
  const world = await setUp(5)
  const { it, centre } = world
  await it.catchUp()
  it.delays.length = 0
  it.faults.losePlace = true
  for (let n = 0; n < 9; n += 1) {
    await it.follower.refresh()
    // The timer may take all of the time that it was given.
    centre.advanceSeconds((it.delays.at(-1) ?? 0) / 900)
  }
  t.strictSame(
    it.delays.map((ms) => Math.round(ms / 900)),
    [0, 1, 2, 4, 8, 16, 32, 60, 60],
  )
  await t.rejects(it.settle(it.follower.compare()), /again and again/)
  it.faults.losePlace = false
  await it.catchUp()
  centre.advanceSeconds(200)
  it.delays.length = 0
  it.faults.losePlace = true
  await it.follower.refresh()
  t.strictSame(it.delays, [0], 'a first one is of no account')
})

t.test('an answer that was long on its way makes nothing younger', async (t) => {
  const { it, centre } = await setUp(2)
  await it.catchUp()
  it.faults.meanwhile = async () => centre.advanceSeconds(25)
  await it.follower.refresh()
  t.ok(it.follower.staleSeconds() >= 25)
})
