// Databases that come back from backups: a region's, which is asked to erase again what it had erased since, and the
// centre's, whose rows may have ids of transactions that its new server has yet to give.
import t from 'tap'
import { declareRestored } from '../../services/identity/src/sessions/restored.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { askerOf, readRound, regionToken } from '../support/region-lanes.ts'
import { followerOf, outcomeOf, statesOf, takeEntryAt, viewOf } from './follower.ts'
import { startSmallDirectory } from './small-directory.ts'

async function startFollowing(identity: IdentityUnderTest) {
  const token = await regionToken(identity, 'in')
  const read = async (after?: string) => {
    const query = new URLSearchParams(after === undefined ? {} : { after })
    return identity.get(`/v1/regions/in/changes?${query}`, await regionToken(identity, 'in'))
  }
  /** To the end: what is committed may wait for transactions of other databases. */
  const follow = async (from?: string): Promise<string> => {
    for (let after = from; ; ) {
      const { body } = await read(after)
      after = body['cursor']
      if (!body['more'] && body['behind_seconds'] === 0) return String(after)
    }
  }
  const rename = (name: string) =>
    ask(identity, "UPDATE user_account SET name = $1 WHERE email = 'lin@acme.test'", [name])
  const order = async (): Promise<string> => {
    const id = identity.deps.makeId()
    const text = "INSERT INTO erasure_order (id, kind, subject_id, region) VALUES ($1::uuid, 'user', $2::uuid, 'in')"
    await ask(identity, text, [id, identity.deps.makeId()])
    const headers = { authorization: `Bearer ${await regionToken(identity, 'in')}` }
    await identity.inject({ method: 'PUT', url: `/v1/regions/in/erasures/${id}`, headers })
    return id
  }
  const open = async () => {
    const rows = await ask(identity, 'SELECT id::text FROM erasure_order WHERE acknowledged_at IS NULL ORDER BY id')
    return rows.map(({ id }) => id)
  }
  const audited = async () => {
    const rows = await ask(identity, "SELECT details FROM audit_event WHERE kind = 'region.went_back' ORDER BY id")
    return rows.map(({ details }) => (details as Record<string, unknown>)['erasures_ordered_again'])
  }
  return { token, read, follow, rename, order, open, audited }
}

const MADE_AT = 'SELECT floor(extract(epoch FROM asked_made_at) * 1000)::float8 AS made FROM feed_follower'

await eachEngine(t, 'so does one whose backup is from before the centre was restored', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const region = await startFollowing(identity)
  const backedUp = await region.follow()
  await shiftClock(identity.db, 300)
  const { epoch } = await declareRestored(identity.deps, false)
  const order = await region.order()
  await region.rename('A')
  t.equal((await region.read(backedUp)).status, 410)
  t.strictSame(await region.open(), [], 'who has not been here under this epoch has not gone back')
  const joined = await region.follow()
  await region.follow(joined)
  t.match(joined, new RegExp(`^${epoch}[.]`))

  t.equal((await region.read(backedUp)).status, 410)
  t.strictSame(await region.open(), [order])
})

await eachEngine(t, 'a region that comes back from a backup erases again', async (t, makePlace) => {
  const identity = await startIdentity(t, await makePlace('identity'))
  const region = await startFollowing(identity)
  const first = await region.follow()
  const before = await region.order()
  await shiftClock(identity.db, 2 * 86_400)
  await region.rename('A')
  const backedUp = await region.follow(first)
  await shiftClock(identity.db, 2 * 86_400 + 5)
  const [soon, later] = [await region.order(), await region.order()]
  await region.rename('B')
  const close = await region.follow(backedUp)
  await region.follow(close)
  await region.read(backedUp)
  t.strictSame(await region.open(), [], 'a process that asks a little late is not taken for a backup')
  await region.follow(close)
  await shiftClock(identity.db, 2 * 86_400 + 300)
  await region.rename('C')
  const far = await region.follow(close)
  await region.follow(far)
  t.strictSame(await region.open(), [])

  t.equal((await region.read(backedUp)).status, 200)
  t.strictSame(await region.open(), [soon, later].sort(), 'what it acknowledged since')
  t.notOk([soon, later].includes(before))
  await region.read(backedUp)
  t.strictSame(await region.audited(), [2], 'which is said once')

  // Its place may be gone by then.
  await region.follow(far)
  for (const id of [soon, later]) {
    const headers = { authorization: `Bearer ${await regionToken(identity, 'in')}` }
    await identity.inject({ method: 'PUT', url: `/v1/regions/in/erasures/${id}`, headers })
  }
  await takeEntryAt(identity, backedUp)
  await takeEntryAt(identity, first)
  t.equal((await region.read(backedUp)).status, 410)
  t.strictSame(await region.open(), [], 'not at once again')
  await shiftClock(identity.db, 2 * 86_400 + 1000)
  t.equal((await region.read(far)).status, 200)
  t.strictSame(await region.open(), [soon, later].sort(), 'and not forgotten, though it has moved on')
  t.equal((await region.read(backedUp)).status, 410)
  t.strictSame(await region.audited(), [2, 2])
  t.equal((await region.read(first)).status, 410)
  await shiftClock(identity.db, 2 * 86_400 + 1700)
  await Promise.all(Array.from({ length: 5 }, () => region.read(first)))
  t.equal((await region.open()).length, 3, 'an older backup')
  t.strictSame(await region.audited(), [2, 2, 1])

  // Nothing is left to be asked for.
  await region.follow(far)
  await shiftClock(identity.db, 2 * 86_400 + 2400)
  await region.rename('D')
  await region.follow(await region.follow(far))
  await region.read(first)
  t.strictSame(await region.audited(), [2, 2, 1])
  const [{ owed } = {}] = await ask(identity, 'SELECT count(owed_since)::integer AS owed FROM feed_follower')
  t.equal(owed, 0)

  // What a cursor says of itself is not what counts.
  const end = await region.follow(await region.follow(far))
  const claiming = (cursor: string, madeAtMs: number) => cursor.replace(/[0-9]+$/, String(madeAtMs))
  t.equal((await region.read(claiming(end, 999_999_999_999_999))).status, 200)
  t.equal((await region.read(claiming(end, 1))).status, 200)
  const [{ made } = {}] = await ask(identity, MADE_AT)
  t.equal(made, Number(end.split('.')[4]))
})

await eachEngine(t, 'a question that has waited while another process went on is no backup', async (t, makePlace) => {
  const { identity, directory } = await startSmallDirectory(t, await makePlace('identity'), 7)
  const follower = followerOf(identity)
  await follower.follow()
  const before = follower.cursor()
  await shiftClock(identity.db, 300)
  const rename = async (name: string) => {
    await ask(identity, 'UPDATE user_account SET name = $2 WHERE id = $1::uuid', [directory.memberOf(0), name])
  }
  const waited = await follower.askAndWait(before, async () => {
    await rename('A')
    await follower.follow()
    await follower.follow()
  })
  t.not(follower.cursor(), before)
  t.equal(waited.cursor, follower.cursor(), 'it is told the same')
  t.strictSame(follower.returns, [])
  const next = await follower.askAndWait(waited.cursor, () => rename('B'))
  await takeEntryAt(identity, next.cursor)
  t.equal(await outcomeOf(follower.ask(next.cursor)), 'ok', 'what it is told is remembered')
  await follower.ask(before)
  t.equal(follower.returns.length, 1, 'who comes with it is')
})

await eachEngine(
  t,
  "what another server's transactions wrote is told once meridian restored was run",
  async (t, makePlace) => {
    const { identity, directory } = await startSmallDirectory(t, await makePlace('identity'), 6)
    const sql = (text: string, values: readonly unknown[] = []) => ask(identity, text, values)
    // Something for the audit.
    await declareRestored(identity.deps, false)
    const follower = followerOf(identity)
    await follower.follow()
    const lane = await askerOf(identity, 'in')
    const { cursor } = await readRound(lane)
    await sql("UPDATE user_account SET name = 'Renamed' WHERE id = $1::uuid", [directory.memberOf(0)])
    await sql("UPDATE membership SET role = 'viewer' WHERE user_id = $1::uuid AND role = 'member'", [
      directory.memberOf(0),
    ])
    const sid = identity.deps.makeId()
    await sql("INSERT INTO revocation (kind, subject) VALUES ('session', $1)", [sid])
    const isFrom = 'xid = (xid::text::bigint + 100000000000)::text::xid8'
    await sql(`UPDATE change SET ${isFrom} WHERE seq > $1::bigint`, [follower.cursor()?.split('.')[2]])
    await sql(`UPDATE revocation SET ${isFrom}`)
    t.equal(
      await refusalOf(sql(`UPDATE audit_seal SET ${isFrom} WHERE seq IS NULL`)),
      'refused',
      'no audit event is moved',
    )
    await sql('ALTER TABLE audit_seal DISABLE TRIGGER audit_seal_set_once')
    await sql(`UPDATE audit_seal SET ${isFrom} WHERE seq IS NULL`)
    await sql('ALTER TABLE audit_seal ENABLE TRIGGER audit_seal_set_once')

    const { entries, behind_seconds: behind } = await follower.ask(follower.cursor())
    t.strictSame(entries, [])
    t.ok(behind > 0, 'what is to come is known to be')
    t.strictSame((await readRound(lane, cursor)).revocations, [])
    const waiting = () => sql('SELECT count(*)::integer AS count FROM audit_seal WHERE seq IS NULL')
    const [{ count: unsealed } = {}] = await waiting()
    t.ok(Number(unsealed) > 0)

    const { restamped } = await declareRestored(identity.deps, false)
    t.ok(Number(restamped) > 3)
    t.equal(await outcomeOf(follower.ask(follower.cursor())), 'cursor_gone')
    await follower.rebuild()
    await follower.follow()
    t.strictSame(statesOf(follower.held), await viewOf(identity, 'in'))
    const late = followerOf(identity, 'in', 'late')
    await late.follow()
    t.strictSame(statesOf(late.held), statesOf(follower.held))
    t.ok((await readRound(lane, cursor)).revocations.some((entry) => entry.kind === 'session' && entry.sid === sid))
    t.equal((await declareRestored(identity.deps, false)).restamped, 0, 'and is done')
  },
)

async function refusalOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    () => 'refused',
  )
}
