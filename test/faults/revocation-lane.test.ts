// The revocation lane as the centre keeps it (SECURITY 1.6 A64, 1.7 A75, 1.9 A88): nothing is lost and nothing waits,
// whatever transactions are open meanwhile and however late they commit.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Revocation, revocationQuerySchema } from '@meridian/protocol/revocations'
import fc from 'fast-check'
import pg from 'pg'
import t, { type Test } from 'tap'
import { formatCursor, keepable, type LaneCursor, parseCursor } from '../../services/identity/src/feed/lane-cursor.ts'
import { PAGE_ROWS } from '../../services/identity/src/feed/revocation-lane.ts'
import { createWaiters } from '../../services/identity/src/feed/waiters.ts'
import { raiseEpoch } from '../../services/identity/src/store/deployment.ts'
import { purgeExpired } from '../../services/identity/src/store/purge.ts'
import { revokeSigningKey } from '../../services/identity/src/store/signing-keys.ts'
import { eachEngine, onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, makeSecrets, signIn, startIdentity } from '../support/identity.ts'
import { letManagersGo } from '../support/manager-guards.ts'
import { propertySeed } from '../support/property-seed.ts'
import { ask } from '../support/races.ts'
import { askerOf, readRound } from '../support/region-lanes.ts'

t.setTimeout(140_000)

async function start(t: Test, place: Place, options: Parameters<typeof startIdentity>[2] = {}) {
  const identity = await startIdentity(t, place, options)
  const lane = await askerOf(identity, 'in')
  await letManagersGo(identity)
  return { identity, lane, us: await askerOf(identity, 'us') }
}

const TELL = "INSERT INTO revocation (kind, subject) VALUES ('session', $1)"
const sidsOf = (revocations: readonly Revocation[]) =>
  revocations.flatMap((entry) => (entry.kind === 'session' ? [entry.sid as string] : []))

async function orgOf(identity: IdentityUnderTest, slug: string): Promise<string> {
  const [row] = await ask(identity, 'SELECT id::text AS id FROM organization WHERE slug = $1', [slug])
  return String(row?.['id'])
}

await eachEngine(
  t,
  'a region is told what concerns it, each kind once, and another region what concerns that',
  async (t, makePlace) => {
    const { identity, lane, us } = await start(t, await makePlace('identity'))
    const before = { in: await readRound(lane), us: await readRound(us) }
    t.ok(before.in.full)
    t.strictSame(before.in.revocations, [], 'nothing is revoked yet')
    const acme = await orgOf(identity, 'acme')

    const { refresh_token: held } = (await signIn(identity, 'lin@acme.test')).body
    await identity.post('/oauth/revoke', { client_id: 'native', token: held })
    const [membership] = await ask(
      identity,
      `UPDATE membership SET role = 'viewer' WHERE user_id = (SELECT id FROM user_account WHERE email = 'lin@acme.test')
      RETURNING id::text AS id`,
    )
    await ask(identity, "UPDATE organization SET status = 'suspended' WHERE slug = 'acme'")
    const told = await readRound(lane, before.in.cursor)
    t.notOk(told.full)
    const [session] = told.revocations.filter(({ kind }) => kind === 'session')
    t.match(session, { kind: 'session', sid: String })
    t.strictSame(
      told.revocations.filter(({ kind }) => kind !== 'session').sort((a, b) => (a.kind < b.kind ? -1 : 1)),
      [
        { kind: 'membership', mid: membership?.['id'], version: 2 },
        { kind: 'organization', org_id: acme, status: 'suspended', version: 2 },
      ],
    )
    t.strictSame((await readRound(lane, told.cursor)).revocations, [], 'once')
    t.strictSame(
      (await readRound(us, before.us.cursor)).revocations.map(({ kind }) => kind).sort(),
      ['organization', 'session'],
      'a membership is told to its own region alone',
    )

    await ask(identity, "UPDATE organization SET status = 'active' WHERE slug = 'acme'")
    await ask(
      identity,
      "UPDATE organization_region SET status = 'withdrawn' WHERE org_id = $1::uuid AND region = 'in'",
      [acme],
    )
    const { kid } = identity.deps.keySet().active.RS256
    await revokeSigningKey(identity.db, kid)
    const next = await readRound(lane, told.cursor)
    t.strictSame(next.revocations, [
      { kind: 'organization', org_id: acme, status: 'active', version: 3 },
      { kind: 'organization', org_id: acme, status: 'deleted', version: 4 },
      { kind: 'key', kid },
    ])
    const elsewhere = (await readRound(us, before.us.cursor)).revocations.filter(
      (entry) => entry.kind === 'organization',
    )
    t.strictSame(
      elsewhere.map(({ status }) => status),
      ['suspended', 'active'],
      'and is open where it still is',
    )
  },
)

await eachEngine(t, 'everything is told to whoever comes without a cursor that is any good', async (t, makePlace) => {
  const { identity, lane, us } = await start(t, await makePlace('identity'))
  const { cursor } = await readRound(lane)
  const acme = await orgOf(identity, 'acme')
  await ask(identity, TELL, [identity.deps.makeId()])
  await ask(identity, "UPDATE organization SET status = 'maintenance' WHERE id = $1::uuid", [acme])
  const everything = ['session', 'organization', 'organization']
  for (const useless of [
    undefined,
    'x',
    Buffer.from('{}').toString('base64url'),
    forge(identity, cursor, { seen: '9:8:' }),
  ]) {
    const { full, revocations } = await readRound(lane, useless)
    t.ok(full, String(useless))
    t.strictSame(
      revocations
        .map(({ kind }) => kind)
        .sort()
        .reverse(),
      everything,
      String(useless),
    )
  }
  const ahead = await readRound(lane, forge(identity, cursor, { seen: '900000000:900000000:' }))
  t.ok(ahead.full, 'a cursor of a database that had come further than this one')
  const until = '900000000:900000000:'
  const within = forge(identity, cursor, { round: { until, full: false, after: { xid: '1', seq: '1' } } })
  t.ok((await readRound(lane, within)).full, 'or that would have come further by the end of its round')
  t.ok(
    (await readRound(lane, forge(identity, cursor, { era: '1 1' }))).full,
    'or of the database server before it was restarted',
  )
  const midway = { until: '1:1:', full: true, after: { org: acme } }
  t.ok(
    (await lane.ask(forge(identity, cursor, { era: '1 1', round: midway }))).begins,
    'in the midst of everything too',
  )
  t.notOk((await lane.ask(forge(identity, cursor, { round: midway }))).begins)
  t.notOk((await readRound(lane, cursor)).full)
  const [text, mac] = cursor.split('.')
  for (const unproved of [
    String(text),
    `${text}.`,
    `${text}.${mac?.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
  ]) {
    t.ok((await readRound(lane, unproved)).full, 'or one that somebody made up')
  }
  t.ok((await readRound(us, cursor)).full, "or another region's")

  await shiftClock(identity.db, 3600)
  t.ok((await readRound(lane, cursor)).full, 'after a long absence')
  await shiftClock(identity.db, 3 * 3600)
  await purgeExpired(identity.db)
  const kept = await ask(identity, 'SELECT 1 AS kept FROM revocation')
  t.equal(kept.length, 0, 'rows are not kept for ever')
  const closed = { kind: 'organization', org_id: acme, status: 'maintenance', version: 2 }
  t.strictSame((await readRound(lane)).revocations, [closed], 'what is closed now is told without them')
  await ask(identity, "UPDATE organization SET status = 'active' WHERE id = $1::uuid", [acme])
  await ask(identity, "UPDATE organization_region SET status = 'withdrawn' WHERE org_id = $1::uuid AND region = 'in'", [
    acme,
  ])
  const withdrawn = { kind: 'organization', org_id: acme, status: 'deleted', version: 4 }
  t.strictSame((await readRound(lane)).revocations.at(0), withdrawn)
  const open = { ...closed, status: 'active', version: 3 }
  t.strictSame((await readRound(us)).revocations, [open], 'elsewhere it is not')

  const { kid } = identity.deps.keySet().active.RS256
  await revokeSigningKey(identity.db, kid)
  t.strictSame((await readRound(lane)).revocations.at(0), { kind: 'key', kid }, 'and which keys are compromised')

  const { cursor: last } = await readRound(lane)
  await raiseEpoch(identity.db)
  t.ok((await readRound(lane, last)).full, 'after a restore')
})

t.test('a snapshot of many open transactions forgets which they are, and a cursor stays one to ask with', async (t) => {
  const open = Array.from({ length: 300 }, (_, n) => 1_000_000_000 + n * 2)
  const snapshot = (count: number) => `1000000000:1000000600:${open.slice(0, count).join(',')}`
  t.equal(keepable(snapshot(20)), snapshot(20))
  t.equal(keepable(snapshot(300)), '1000000000:1000000000:')
  const secrets = makeSecrets()
  const longest = snapshot(88)
  t.equal(keepable(longest), longest)
  const round = { until: longest, full: true, after: { org: '01930000-0000-7000-8000-000000000001' } }
  const read = { era: '9'.repeat(80), at: 1_795_281_494.630_123, seen: longest, round }
  const cursor = formatCursor(secrets, 'in', read)
  t.strictSame(parseCursor(secrets, 'in', cursor), read)
  t.ok(revocationQuerySchema.safeParse({ after: cursor }).success, `${cursor.length} characters`)
})

await eachEngine(
  t,
  'a cursor is good under each key that is held, of its own region, and under no other',
  async (t, makePlace) => {
    const [newest, older, withdrawn] = [makeSecrets(), makeSecrets(), makeSecrets()]
    const tokenKeys = [newest.tokenKeys[0], older.tokenKeys[0]] as const
    const options = { withPeople: false, secrets: { ...newest, tokenKeys } }
    const { identity, lane } = await start(t, await makePlace('identity'), options)
    const { cursor } = await readRound(lane)
    const read = parseCursor(identity.deps.secrets, 'in', cursor)
    const isKnown = async (by: Pick<typeof newest, 'tokenKeys'>, region: string) =>
      read !== undefined && !(await readRound(lane, formatCursor(by, region, read))).full
    t.ok(await isKnown(newest, 'in'))
    t.ok(await isKnown(older, 'in'), 'keys change, and nobody is told everything for it')
    t.notOk(await isKnown(withdrawn, 'in'))
    for (const by of [newest, older]) t.notOk(await isKnown(by, 'us'), "another region's")
  },
)

/** As the centre would have made it. */
function forge({ deps }: Pick<IdentityUnderTest, 'deps'>, cursor: string, members: Partial<LaneCursor>): string {
  const read = parseCursor(deps.secrets, 'in', cursor)
  if (read === undefined) throw new Error('no cursor')
  return formatCursor(deps.secrets, 'in', { ...read, ...members })
}

await eachEngine(
  t,
  'a long round is told in pages, and what is committed meanwhile comes after it',
  async (t, makePlace) => {
    const { identity, lane } = await start(t, await makePlace('identity'), { withPeople: false })
    const { cursor } = await readRound(lane)
    await ask(
      identity,
      "INSERT INTO revocation (kind, subject, version) SELECT 'key', 'k' || n, NULL FROM generate_series(1, $1::integer) n",
      [PAGE_ROWS * 2 + 5],
    )
    const first = await lane.ask(cursor)
    t.equal(first.revocations.length, PAGE_ROWS)
    t.ok(first.more)
    const meanwhile = identity.deps.makeId()
    await ask(identity, TELL, [meanwhile])
    const rest = await readRound(lane, first.cursor)
    t.equal(rest.pages, 2)
    const kids = [...first.revocations, ...rest.revocations].flatMap((entry) =>
      entry.kind === 'key' ? [entry.kid] : [],
    )
    t.equal(new Set(kids).size, PAGE_ROWS * 2 + 5)
    t.equal(kids.length, PAGE_ROWS * 2 + 5, 'none is told twice')
    t.strictSame(sidsOf(rest.revocations), [], 'a round has an end, however much is written')
    t.strictSame(sidsOf((await readRound(lane, rest.cursor)).revocations), [meanwhile])

    const whole = await readRound(lane)
    t.equal(whole.revocations.length, PAGE_ROWS * 2 + 6)
    await ask(
      identity,
      `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email, status)
      SELECT ('01930000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'o' || n, 'O', 'C', 'c@example.test', 'suspended'
      FROM generate_series(1, $1::integer) n`,
      [PAGE_ROWS + 5],
    )
    await ask(identity, "INSERT INTO organization_region (org_id, region) SELECT id, 'in' FROM organization")
    const { revocations } = await readRound(lane)
    const orgs = revocations.flatMap((entry) => (entry.kind === 'organization' ? [entry.org_id] : []))
    t.equal(new Set(orgs).size, PAGE_ROWS + 5, 'organizations too, in pages')
    t.equal(revocations.length, PAGE_ROWS * 3 + 11)
  },
)

async function connect(t: Test, place: Place): Promise<pg.Client> {
  const client = new pg.Client(place.url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

await onPostgresql(
  t,
  'a transaction that stays open delays nothing, and what it commits late is told then',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, lane } = await start(t, place, { withPeople: false })
    const open = await connect(t, place)
    const [late, later, early] = [1, 2, 3].map(() => identity.deps.makeId()) as [string, string, string]
    await open.query('BEGIN')
    await open.query(TELL, [late])
    const { cursor } = await readRound(lane)
    await ask(identity, TELL, [early])
    const during = await readRound(lane, cursor)
    t.strictSame(sidsOf(during.revocations), [early], 'while it is open')
    t.strictSame(sidsOf((await readRound(lane, during.cursor)).revocations), [], 'and not again and again')
    await open.query(TELL, [later])
    const beforeCommit = await readRound(lane, during.cursor)
    await open.query('COMMIT')
    const after = await readRound(lane, beforeCommit.cursor)
    t.strictSame(sidsOf(after.revocations), [late, later], 'once it has committed')
    t.strictSame(sidsOf((await readRound(lane, cursor)).revocations).sort(), [late, later, early].sort())
  },
)

await onPostgresql(
  t,
  'a page that was told before a commit hides nothing from the round after it',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, lane } = await start(t, place, { withPeople: false })
    const open = await connect(t, place)
    const { cursor } = await readRound(lane)
    const late = identity.deps.makeId()
    await open.query('BEGIN')
    await open.query(TELL, [late])
    await ask(
      identity,
      "INSERT INTO revocation (kind, subject) SELECT 'key', 'k' || n FROM generate_series(1, $1::integer) n",
      [PAGE_ROWS + 1],
    )
    const page = await lane.ask(cursor)
    await open.query('COMMIT')
    const rest = await readRound(lane, page.cursor)
    const next = await readRound(lane, rest.cursor)
    t.strictSame(sidsOf([...page.revocations, ...rest.revocations, ...next.revocations]), [late])
    const kids = [...page.revocations, ...rest.revocations, ...next.revocations].filter(({ kind }) => kind === 'key')
    t.equal(kids.length, PAGE_ROWS + 1)
  },
)

await onPostgresql(
  t,
  'whatever the order of commits, each is told by the next question, once',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, lane } = await start(t, place, { withPeople: false })
    const writers = await Promise.all([0, 1, 2, 3].map(() => connect(t, place)))
    const step = fc.record({
      writer: fc.integer({ min: 0, max: 3 }),
      does: fc.constantFrom('write', 'commit', 'rollback', 'ask'),
    })
    const seed = propertySeed()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const open: string[][] = writers.map(() => [])
        let due: string[] = []
        let { cursor } = await readRound(lane)
        for (const { writer, does } of [...steps, { writer: 0, does: 'ask' }]) {
          const client = writers[writer] as pg.Client
          const written = open[writer] as string[]
          if (does === 'ask') {
            const round = await readRound(lane, cursor)
            cursor = round.cursor
            if (sidsOf(round.revocations).sort().join() !== due.sort().join()) return false
            due = []
          } else if (does === 'write') {
            if (written.length === 0) await client.query('BEGIN')
            const sid = identity.deps.makeId()
            await client.query(TELL, [sid])
            written.push(sid)
          } else if (written.length > 0) {
            await client.query(does)
            if (does === 'commit') due.push(...written)
            open[writer] = []
          }
        }
        for (const client of writers) await client.query('ROLLBACK')
        return true
      }),
      { seed, numRuns: 15 },
    )
    t.pass(`seed ${seed}`)
  },
)

await eachEngine(t, 'that a region asks is noted, and not each time', async (t, makePlace) => {
  const { identity, lane } = await start(t, await makePlace('identity'), { withPeople: false })
  const seen = async () =>
    (await ask(identity, 'SELECT code, extract(epoch FROM last_seen)::float8 AS at FROM region ORDER BY code')).map(
      ({ at }) => at,
    )
  await lane.ask()
  const [first, other] = await seen()
  t.type(first, 'number')
  t.equal(other, null, 'of no other region')
  await lane.ask()
  t.equal((await seen())[0], first)
  await shiftClock(identity.db, 31)
  await lane.ask()
  t.not((await seen())[0], first)
})

await eachEngine(
  t,
  'a question that waits is answered by a change, holds nothing, and ends with the service',
  async (t, makePlace) => {
    const { identity, lane } = await start(t, await makePlace('identity'), { withPeople: false, poolSize: 2 })
    const { cursor } = await readRound(lane)
    const waiting = Array.from({ length: 20 }, () => lane.ask(cursor, 20))
    const early = await Promise.race([...waiting, identity.get('/readyz')])
    t.match(early, { status: 200, body: { status: 'ok' } }, 'others are served meanwhile')
    const sid = identity.deps.makeId()
    await ask(identity, TELL, [sid])
    for (const { revocations } of await Promise.all(waiting)) t.strictSame(sidsOf(revocations), [sid])

    const idle = await lane.ask(cursor, 0)
    const empty = await lane.ask(idle.cursor, 1)
    t.strictSame(empty.revocations, [], 'or when its time is over')
    t.not(empty.cursor, idle.cursor, 'which is progress too')
    const last = lane.ask(empty.cursor, 20)
    await lane.ask(empty.cursor)
    const closing = identity.app.close()
    const told = await Promise.race([last, sleep(15_000, undefined, { ref: false })])
    t.strictSame(told?.revocations, [], 'or when the service stops')
    await closing
  },
)

await eachEngine(t, 'a question whose answer nobody reads waits no longer', async (t, makePlace) => {
  const { identity } = await start(t, await makePlace('identity'), { withPeople: false })
  const waiters = createWaiters(identity.deps)
  const gone = new AbortController()
  const ask = (signal: AbortSignal) =>
    waiters.wait({ region: 'in', seen: '1:1:' }, { clientId: 'region-in', timeoutMs: 20_000, signal })
  const asked = [ask(gone.signal)]
  t.equal(waiters.count(), 1)
  gone.abort()
  t.equal(waiters.count(), 0)
  asked.push(ask(gone.signal))
  t.equal(waiters.count(), 0, 'not one whose reader is gone already')
  await waiters.stop()
  asked.push(ask(new AbortController().signal))
  t.equal(waiters.count(), 0, 'nor one after the end')
  await Promise.all(asked)
})
