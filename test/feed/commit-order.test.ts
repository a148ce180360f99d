// What commits late, and what is changed at the same moment: the two ways in which a feed loses something for good. Each
// trap is shown to catch who walks into it: a reader that remembers an id, and triggers that do not lock.
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { compactFeed } from '../../services/identity/src/feed/compaction.ts'
import { findNews } from '../../services/identity/src/store/feed-news.ts'
import { onPostgresql, type Place, shiftClock } from '../support/databases.ts'
import { ask } from '../support/races.ts'
import { followerOf, outcomeOf, statesOf, viewOf } from './follower.ts'
import { startSmallDirectory } from './small-directory.ts'

const SEED = 20
const REMOVE = "UPDATE membership SET status = 'removed' WHERE user_id = $1::uuid"
const RENAME = 'UPDATE user_account SET name = $2 WHERE id = $1::uuid'

async function connect(t: Test, place: Place): Promise<pg.Client> {
  const client = new pg.Client(place.url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}

/** Long enough for a statement to be at the row that another transaction holds. */
const OVERLAP_MS = 60

await onPostgresql(t, 'a change that commits late is told, and a reader by id alone loses it', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity, directory } = await startSmallDirectory(t, place, SEED)
  const follower = followerOf(identity)
  await follower.follow()
  // Remembers the greatest seq that it has seen, and asks for what comes after it.
  let known = 0
  const readBySeq = async () => {
    const rows = await ask(
      identity,
      "SELECT kind, entity_id, seq::float8 AS seq FROM change WHERE region = 'in' AND seq > $1::bigint ORDER BY seq",
      [known],
    )
    known = Math.max(known, ...rows.map(({ seq }) => Number(seq)))
    return rows.map(({ kind, entity_id: id }) => `${kind}/${id}`)
  }
  await readBySeq()
  const [early, late] = [await connect(t, place), await connect(t, place)]
  const [one, other] = [directory.memberOf(0), directory.memberOf(1)]
  const rename = (client: pg.Client, person: string) =>
    client.query("UPDATE user_account SET name = 'Renamed' WHERE id = $1::uuid", [person])

  await early.query('BEGIN')
  await rename(early, one)
  await rename(late, other)
  const seen = await readBySeq()
  await follower.readPage(500)
  const between = statesOf(follower.held)[`user/${other}`]
  t.notMatch(between, { name: 'Renamed' }, 'what comes after an open transaction waits for it')
  const { behind_seconds: behind } = await follower.ask(follower.cursor())
  t.ok(behind > 0, 'and that it waits is told')
  await early.query('COMMIT')
  seen.push(...(await readBySeq()))
  await follower.follow()
  t.notOk(seen.includes(`user/${one}`), 'who reads by id has lost the change that committed late')
  t.ok(seen.includes(`user/${other}`))
  t.strictSame(statesOf(follower.held), await viewOf(identity, 'in'), 'the feed has both')
})

await onPostgresql(
  t,
  'who begins from lists or digests that were read while a change was open is told of it',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const { identity, directory } = await startSmallDirectory(t, place, SEED)
    const [early, late] = [await connect(t, place), await connect(t, place)]
    const [one, other] = [directory.memberOf(0), directory.memberOf(1)]
    const rename = (client: pg.Client, person: string) =>
      client.query("UPDATE user_account SET name = 'Renamed' WHERE id = $1::uuid", [person])
    await followerOf(identity).follow()
    await early.query('BEGIN')
    await rename(early, one)
    await rename(late, other)

    const rebuilt = followerOf(identity, 'in', 'rebuilt')
    await rebuilt.rebuild()
    const { cursor: surveyed } = await rebuilt.digests()
    t.match(statesOf(rebuilt.held)[`user/${other}`], { name: 'Renamed' }, 'a list has all that is committed')
    const { entries, more } = await rebuilt.ask(rebuilt.cursor())
    t.strictSame([entries, more], [[], false], 'and nothing after it can be told yet')
    await early.query('COMMIT')
    await followerOf(identity, 'in', 'settled').follow()
    const told = (await rebuilt.ask(surveyed)).entries.map(({ id }) => id)
    t.strictSame(told.sort(), [one, other].sort(), 'after digests')
    await rebuilt.follow()
    t.strictSame(statesOf(rebuilt.held), await viewOf(identity, 'in'), 'after a list')
  },
)

await onPostgresql(t, 'whoever waits is woken by what can be told, and by nothing before', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity, directory } = await startSmallDirectory(t, place, SEED)
  const follower = followerOf(identity)
  await follower.follow()
  const [, xid = '', seq = ''] = String(follower.cursor()).split('.')
  const findOurs = () => findNews(identity.db, [{ region: 'in', after: { xid, seq }, order: null }])
  t.strictSame(await findOurs(), [])
  const open = await connect(t, place)
  await open.query('BEGIN; SELECT pg_current_xact_id()')
  await ask(identity, "UPDATE user_account SET name = 'Renamed' WHERE id = $1::uuid", [directory.memberOf(0)])
  t.strictSame(await findOurs(), [])
  await open.query('COMMIT')
  await follower.follow()
  t.strictSame(await findOurs(), [0])
})

await onPostgresql(t, 'compaction leaves a region the entry that its feed ends with', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity, directory } = await startSmallDirectory(t, place, SEED)
  const person = directory.memberOf(0)
  // The transaction that begins first writes last: the last entry of the feed is not the last of its entity.
  const first = await connect(t, place)
  await first.query('BEGIN; SELECT pg_current_xact_id()')
  await ask(identity, RENAME, [person, 'Before'])
  await first.query(RENAME, [person, 'After'])
  await first.query('COMMIT')
  const follower = followerOf(identity)
  await follower.follow()
  const { cursor: end } = await follower.snapshot({ through: 'a/a' })
  t.equal(end, follower.cursor())
  await first.query('BEGIN; SELECT pg_current_xact_id()')
  await ask(identity, RENAME, [directory.memberOf(1), 'Not to be told yet'])
  await shiftClock(identity.db, 601)
  await compactFeed(identity.deps)
  t.equal((await follower.snapshot({ through: 'a/a' })).cursor, end)
  await first.query('COMMIT')
  await ask(identity, RENAME, [person, 'Later'])
  await follower.follow()
  await shiftClock(identity.db, 1300)
  await compactFeed(identity.deps)
  const ofPerson = "SELECT seq FROM change WHERE region = 'in' AND kind = 'user' AND entity_id = $1"
  t.equal((await ask(identity, ofPerson, [person])).length, 1, 'and takes it once there is another')
})

await onPostgresql(t, 'and so does forgetting', async (t, makePlace) => {
  const place = await makePlace('identity')
  const options = { settings: { feedRetentionSeconds: 3600 } }
  const { identity, directory } = await startSmallDirectory(t, place, SEED, options)
  await ask(identity, REMOVE, [directory.memberOf(0)])
  const follower = followerOf(identity)
  await follower.follow()
  const { cursor: end } = await follower.snapshot({ through: 'a/a' })
  const open = await connect(t, place)
  await open.query('BEGIN; SELECT pg_current_xact_id()')
  await ask(identity, RENAME, [directory.memberOf(1), 'Not to be told yet'])
  await shiftClock(identity.db, 3601)
  await compactFeed(identity.deps)
  t.equal((await follower.snapshot({ through: 'a/a' })).cursor, end)
  await open.query('COMMIT')
})

await onPostgresql(
  t,
  'who may have missed what was forgotten hears so, in whatever order it was',
  async (t, makePlace) => {
    const place = await makePlace('identity')
    const options = { settings: { feedRetentionSeconds: 3600 } }
    const { identity, directory } = await startSmallDirectory(t, place, SEED, options)
    const [one, other, last] = [directory.memberOf(0), directory.memberOf(1), directory.memberOf(2)]
    const follower = followerOf(identity)
    await follower.follow()
    // The transaction that begins first, and is told first, writes last, and so is forgotten last.
    const first = await connect(t, place)
    await first.query('BEGIN; SELECT pg_current_xact_id()')
    await ask(identity, REMOVE, [one])
    await shiftClock(identity.db, 300)
    await first.query(REMOVE, [other])
    const written = await first.query("SELECT FROM change WHERE region = 'in' AND xid = pg_current_xact_id()")
    await first.query('COMMIT')
    await ask(identity, RENAME, [last, 'Last'])
    await followerOf(identity, 'in', 'settled').follow()
    await follower.readPage(written.rowCount ?? 0)
    for (const seconds of [3601, 3901]) {
      await shiftClock(identity.db, seconds)
      await compactFeed(identity.deps)
    }
    const left = 'SELECT 1 AS one FROM change WHERE gone AND entity_id = ANY ($1::text[])'
    t.strictSame(await ask(identity, left, [[one, other]]), [])
    t.equal(await outcomeOf(follower.ask(follower.cursor())), 'cursor_gone')
  },
)

await onPostgresql(t, 'what can be told is not taken for what cannot be told yet', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity, directory } = await startSmallDirectory(t, place, SEED)
  const [one, other] = [directory.memberOf(0), directory.memberOf(1)]
  const [waiting, follower] = [followerOf(identity, 'in', 'waiting'), followerOf(identity)]
  await waiting.follow()
  for (const person of [one, other]) await ask(identity, RENAME, [person, 'Told'])
  await follower.follow()
  const open = await connect(t, place)
  await open.query('BEGIN; SELECT pg_current_xact_id()')
  await ask(identity, RENAME, [one, 'Not to be told yet'])
  await shiftClock(identity.db, 601)
  await compactFeed(identity.deps)
  const { entries } = await waiting.ask(waiting.cursor())
  t.strictSame(
    entries.map(({ id }) => id),
    [one, other],
  )
  await open.query('COMMIT')
})

await onPostgresql(t, 'one process compacts at a time, and no other waits for it', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity, directory } = await startSmallDirectory(t, place, SEED)
  for (const name of ['One', 'Two']) await ask(identity, RENAME, [directory.memberOf(0), name])
  await followerOf(identity).follow()
  await shiftClock(identity.db, 601)
  const other = await connect(t, place)
  await other.query('BEGIN; SELECT seq FROM feed_compaction FOR UPDATE')
  t.equal(await compactFeed(identity.deps), 0)
  await other.query('COMMIT')
  t.ok((await compactFeed(identity.deps)) > 0)
})

await onPostgresql(t, 'of two memberships that go at once, the later takes the person along', async (t, makePlace) => {
  const place = await makePlace('identity')
  const { identity } = await startSmallDirectory(t, place, SEED)
  const person = identity.deps.makeId()
  await ask(identity, "INSERT INTO user_account (id, email, name) VALUES ($1::uuid, 'new@example.test', 'New')", [
    person,
  ])
  const memberships = [identity.deps.makeId(), identity.deps.makeId()] as const
  for (const id of memberships) {
    await ask(
      identity,
      `INSERT INTO organization (id, slug, name, primary_contact_name, primary_contact_email)
        VALUES ($1::uuid, $2, 'New', 'Contact', 'contact@example.test')`,
      [id, `new-${id}`],
    )
    await ask(identity, "INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'us')", [id])
    await ask(
      identity,
      "INSERT INTO membership (id, user_id, org_id, region) VALUES ($1::uuid, $2::uuid, $1::uuid, 'us')",
      [id, person],
    )
  }
  const [one, other] = [await connect(t, place), await connect(t, place)]
  const remove = (client: pg.Client, id: string) => client.query('DELETE FROM membership WHERE id = $1::uuid', [id])
  await one.query('BEGIN')
  await remove(one, memberships[0])
  const following = remove(other, memberships[1])
  await Promise.race([following, sleep(OVERLAP_MS)])
  await one.query('COMMIT')
  await following
  const last = `SELECT gone FROM change WHERE region = 'us' AND kind = 'user' AND entity_id = $1
    ORDER BY seq DESC LIMIT 1`
  t.strictSame(await ask(identity, last, [person]), [{ gone: true }])
})

type Skew = {
  readonly title: string
  /** Held open; what it does must reach the region though it cannot see the other. */
  readonly first: (world: World) => readonly [string, readonly unknown[]]
  readonly second: (world: World) => readonly [string, readonly unknown[]]
  /** Without which the two miss one another. */
  readonly locks: readonly (readonly [table: string, trigger: string])[]
}
type World = { readonly person: string; readonly org: string; readonly membership: string }

// A region is added to an organization, or a membership to a person, while what it brings along changes.
const SKEWS: readonly Skew[] = [
  {
    title: 'a person is renamed while a membership takes them to a region',
    first: ({ person, org, membership }) => [
      `INSERT INTO membership (id, user_id, org_id, region) VALUES ($1::uuid, $2::uuid, $3::uuid, 'us')`,
      [membership, person, org],
    ],
    second: ({ person }) => [`UPDATE user_account SET name = 'Renamed' WHERE id = $1::uuid`, [person]],
    locks: [['membership', 'membership_not_of_sys_admin']],
  },
  {
    title: 'an organization is renamed while a region is added to it',
    first: ({ org }) => [`INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'eu')`, [org]],
    second: ({ org }) => [`UPDATE organization SET name = 'Renamed' WHERE id = $1::uuid`, [org]],
    locks: [['organization_region', 'organization_region_organization_locked']],
  },
  {
    title: 'a module is licensed while a region is added',
    first: ({ org }) => [`INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'eu')`, [org]],
    second: ({ org }) => [`INSERT INTO entitlement (org_id, module) VALUES ($1::uuid, 'calendar')`, [org]],
    locks: [
      ['organization_region', 'organization_region_organization_locked'],
      ['entitlement', 'entitlement_organization_locked'],
    ],
  },
  {
    title: 'a client is given an origin while a region moves',
    first: () => [`UPDATE region SET api_url = 'https://moved.example.test' WHERE code = 'eu'`, []],
    second: () => [
      `UPDATE client SET allowed_resources = '{https://moved.example.test}', allowed_origins = '{https://o.example.test}'
        WHERE id = 'bulk-1-1'`,
      [],
    ],
    locks: [
      ['client', 'client_takes_turns'],
      ['region', 'region_takes_turns'],
    ],
  },
]

for (const { title, first, second, locks } of SKEWS) {
  for (const isLocked of [true, false]) {
    const outcome = isLocked ? 'the region ends with both' : 'without the locks it ends with something stale'
    await onPostgresql(t, `${title}: ${outcome}`, async (t, makePlace) => {
      const place = await makePlace('identity')
      const { identity, directory } = await startSmallDirectory(t, place, SEED)
      const sql = (text: string, values: readonly unknown[] = []) => ask(identity, text, values)
      await sql(
        `INSERT INTO region (code, name, api_url, host_suffix) VALUES ('eu', 'EU', 'https://eu.example.test', 'eu.example.test')`,
      )
      const person = '01940000-0000-7000-8000-000000000001'
      await sql(`INSERT INTO user_account (id, email, name) VALUES ($1::uuid, 'new@example.test', 'New')`, [person])
      const org = directory.organization()
      await sql(`INSERT INTO organization_region (org_id, region) VALUES ($1::uuid, 'us') ON CONFLICT DO NOTHING`, [
        org,
      ])
      const world = { person, org, membership: '01940000-0000-7000-8000-000000000002' }
      const region = title.includes('person') ? 'us' : 'eu'
      await sql(`UPDATE client SET allowed_resources = '{}' WHERE id = 'bulk-1-1'`)
      if (!isLocked) for (const [table, trigger] of locks) await sql(`ALTER TABLE ${table} DISABLE TRIGGER ${trigger}`)

      const follower = followerOf(identity, region)
      const [one, other] = [await connect(t, place), await connect(t, place)]
      await one.query('BEGIN')
      await other.query('BEGIN')
      await one.query(...queryOf(first(world)))
      const following = other.query(...queryOf(second(world)))
      await Promise.race([following, sleep(OVERLAP_MS)])
      await one.query('COMMIT')
      await following
      await follower.follow()
      await other.query('COMMIT')
      await follower.follow()
      const [held, view] = [statesOf(follower.held), await viewOf(identity, region)]
      if (isLocked) t.strictSame(held, view)
      else t.notSame(held, view)
      // The next change tells what was missed; startIdentity wants nothing to be left untold.
      await sql("UPDATE client SET allowed_origins = '{https://p.example.test}' WHERE id = 'bulk-1-1'")
    })
  }
}

function queryOf([text, values]: readonly [string, readonly unknown[]]): [string, unknown[]] {
  return [text, [...values]]
}
