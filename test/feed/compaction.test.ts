// The log is compacted, and nobody who follows loses anything by it: whoever comes back ends with the same, or is told
// that their place is gone.
import t from 'tap'
import { compactFeed } from '../../services/identity/src/feed/compaction.ts'
import { parseFeedCursor } from '../../services/identity/src/feed/feed-cursor.ts'
import { raiseEpoch } from '../../services/identity/src/store/deployment.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import type { IdentityUnderTest } from '../support/identity.ts'
import { propertySeed } from '../support/property-seed.ts'
import { ask } from '../support/races.ts'
import { type Backup, followerOf, outcomeOf, statesOf, takeEntryAt, viewOf } from './follower.ts'
import { randomOf, startSmallDirectory } from './small-directory.ts'

t.setTimeout(140_000)

const ROUNDS_MAX = 100
const DAY = 86_400
const RETENTION_SECONDS = DAY

async function countEntries(identity: IdentityUnderTest, where = 'true'): Promise<number> {
  const [row] = await ask(identity, `SELECT count(*)::integer AS count FROM change WHERE ${where}`)
  return Number(row?.['count'])
}

await eachEngine(
  t,
  'whoever follows through compactions ends with the view, or hears that their place is gone',
  async (t, makePlace) => {
    const seed = propertySeed()
    const random = randomOf(seed + 1)
    const settings = { feedRetentionSeconds: RETENTION_SECONDS }
    const world = await startSmallDirectory(t, await makePlace('identity'), seed, { settings })
    const { identity } = world
    const rounds = identity.db.engine === 'pglite' ? 12 : 30
    const live = followerOf(identity, 'in', 'live')
    const others = Array.from({ length: 4 }, (_, n) => followerOf(identity, 'in', `other-${n}`))
    const backups: Backup[] = []
    const outcomes = { ok: 0, cursor_gone: 0 }
    let clock = 0
    // A short story may be one in which nobody was away for long.
    const isTold = (round: number) => round >= rounds && (outcomes.cursor_gone > 0 || round >= ROUNDS_MAX)
    for (let round = 0; !isTold(round); round += 1) {
      for (let change = 0; change < 6; change += 1) await world.change()
      await live.follow(1 + Math.floor(random() * 30))
      clock += [0, 30, 400, 900, DAY / 2, 2 * DAY][Math.floor(random() * 6)] ?? 0
      await shiftClock(identity.db, clock)
      await compactFeed(identity.deps)
      t.equal(await outcomeOf(live.readPage(500)), 'ok', 'a cursor that was told last is good')
      for (const [n, other] of others.entries()) {
        if (random() < 0.5) continue
        if (random() < 0.2 && backups.length > 0)
          other.restore(backups[Math.floor(random() * backups.length)] as Backup)
        const outcome = await outcomeOf(other.follow(1 + Math.floor(random() * 50)))
        outcomes[outcome as keyof typeof outcomes] += 1
        if (outcome === 'cursor_gone') await other.rebuild(20)
        else t.strictSame(statesOf(other.held), await viewOf(identity, 'in'), `round ${round}, follower ${n}`)
        backups.push(other.backUp())
      }
      await live.follow()
    }
    t.strictSame(statesOf(live.held), await viewOf(identity, 'in'))
    const rebuilt = followerOf(identity, 'in', 'rebuilt')
    await rebuilt.rebuild()
    t.strictSame(statesOf(rebuilt.held), await viewOf(identity, 'in'))
    t.equal(await outcomeOf(rebuilt.follow()), 'ok', 'who reads everything anew follows from there')
    t.ok(outcomes.ok > 0 && outcomes.cursor_gone > 0, `seed ${seed}: ${JSON.stringify(outcomes)}`)
  },
)

await eachEngine(
  t,
  'an entry goes ten minutes after a later one came, and the last one stays',
  async (t, makePlace) => {
    const world = await startSmallDirectory(t, await makePlace('identity'), 3)
    const { identity, directory } = world
    const person = directory.memberOf(0)
    const ofPerson = `kind = 'user' AND region = 'in' AND entity_id = '${person}'`
    const rename = (name: string) =>
      ask(identity, 'UPDATE user_account SET name = $2 WHERE id = $1::uuid', [person, name])
    for (const name of ['A', 'B', 'C']) await rename(name)
    const before = await countEntries(identity, ofPerson)
    await settled(identity)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, ofPerson), before, 'what is young stays')
    const follower = followerOf(identity)
    await follower.follow()
    const place = parseFeedCursor(follower.cursor() ?? '')
    await shiftClock(identity.db, 601)
    await rename('D')
    await settled(identity)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, ofPerson), 2, 'the one that is told, and the young one')
    await shiftClock(identity.db, 1300)
    await rename('E')
    await settled(identity)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, ofPerson), 2)
    t.equal(
      await countEntries(identity, `seq = ${place?.place?.seq} AND region = 'in'`),
      0,
      'the entry at a cursor goes too',
    )
    t.equal(await outcomeOf(follower.follow()), 'ok', 'and its follower is known all the same')
    t.match(statesOf(follower.held)[`user/${person}`], { name: 'E' })
  },
)

await eachEngine(
  t,
  'what is gone is told for a while, and who has been away for longer compares',
  async (t, makePlace) => {
    const settings = { feedRetentionSeconds: RETENTION_SECONDS }
    const world = await startSmallDirectory(t, await makePlace('identity'), 4, { settings })
    const { identity, directory } = world
    const [away, here] = [followerOf(identity, 'in', 'away'), followerOf(identity, 'in', 'here')]
    const nobody = followerOf(identity, 'in', 'nobody')
    await away.follow()
    await here.follow()
    const person = directory.memberOf(0)
    await ask(identity, "UPDATE membership SET status = 'removed' WHERE user_id = $1::uuid", [person])
    const gone = `entity_id = '${person}' AND kind = 'user' AND region = 'in'`
    await shiftClock(identity.db, RETENTION_SECONDS - 60)
    await settled(identity)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, gone), 1)
    await here.follow()
    t.equal(here.held.get(`user/${person}`)?.state, null)
    await shiftClock(identity.db, RETENTION_SECONDS + 60)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, `${gone} AND gone`), 1, 'the last entry of a region is kept')
    await ask(identity, "UPDATE user_account SET name = 'Later' WHERE id = $1::uuid", [directory.memberOf(1)])
    await settled(identity)
    await compactFeed(identity.deps)
    t.equal(await countEntries(identity, gone), 0)
    t.equal(await outcomeOf(here.follow()), 'ok')
    t.equal(await outcomeOf(away.follow()), 'cursor_gone')
    t.equal(await outcomeOf(nobody.follow()), 'ok', 'who holds nothing has nothing to forget')
    await away.rebuild()
    t.equal(await outcomeOf(away.follow()), 'ok')
    for (const follower of [here, away, nobody]) t.strictSame(statesOf(follower.held), await viewOf(identity, 'in'))
  },
)

await eachEngine(t, 'a cursor is good where its entry is, or was when it was told', async (t, makePlace) => {
  const { identity } = await startSmallDirectory(t, await makePlace('identity'), 5)
  await settled(identity)
  const follower = followerOf(identity)
  const { cursor: first } = await follower.readPage(3)
  const { cursor: second } = await follower.readPage(3)
  const changed = (cursor: string, place: number, value: string) => cursor.split('.').with(place, value).join('.')
  const [, xid = '', seq = ''] = first.split('.')
  const bad = {
    'no cursor': 'x',
    'too many parts': `${first}.1`,
    'no numbers': changed(first, 1, '-1'),
    'another epoch': changed(first, 0, '2'),
    'another transaction': changed(first, 1, String(Number(xid) - 1)),
    'another place': changed(first, 2, String(Number(seq) + 100_000)),
    'the same place in another history': changed(first, 3, '1'),
    'a history that has come further': changed(first, 1, '900000000000'),
    'a transaction that no database counts': changed(first, 1, '9'.repeat(20)),
    'a place that no database counts': changed(first, 2, '9'.repeat(19)),
    'an entry that no database tells apart': changed(first, 3, '9'.repeat(19)),
    'a time that no calendar has': changed(first, 4, '9'.repeat(18)),
  }
  for (const [title, cursor] of Object.entries(bad))
    t.equal(await outcomeOf(follower.ask(cursor)), 'cursor_gone', title)
  for (const cursor of [undefined, first, second]) t.equal(await outcomeOf(follower.ask(cursor)), 'ok', String(cursor))

  const elsewhere = followerOf(identity, 'us', 'elsewhere')
  for (const cursor of [first, second])
    t.equal(await outcomeOf(elsewhere.ask(cursor)), 'cursor_gone', "another region's")

  const isRemembered = async (cursor: string, why: string) => {
    t.equal(await outcomeOf(elsewhere.ask(cursor)), 'cursor_gone', `${why}: elsewhere`)
    const other = followerOf(identity, 'in', 'other')
    t.equal(await outcomeOf(other.ask(changed(cursor, 3, '1'))), 'cursor_gone', `${why}: in another history`)
    t.equal(await outcomeOf(follower.ask(cursor)), 'ok', why)
  }
  await follower.ask(first)
  await takeEntryAt(identity, first)
  await isRemembered(first, 'asked with last')
  await takeEntryAt(identity, second)
  const { cursor: told } = await follower.ask(first, 3)
  t.equal(await outcomeOf(follower.ask(second)), 'cursor_gone', 'neither told last nor there')
  t.equal(await outcomeOf(follower.ask(second)), 'cursor_gone', 'and asking does not make it known')
  await takeEntryAt(identity, told)
  await isRemembered(told, 'told last')
  await raiseEpoch(identity.db)
  t.equal(await outcomeOf(follower.ask(follower.cursor())), 'cursor_gone', 'after a restore')
})

/** Transactions of other databases hold back what is settled. */
async function settled(identity: IdentityUnderTest): Promise<void> {
  for (const region of ['in', 'us']) await followerOf(identity, region, 'settled').follow()
}
