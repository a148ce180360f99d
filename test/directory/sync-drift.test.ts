// What is not as it should be in a region, and nobody has asked: what it found when it compared by itself, and how much it
// says that it holds.
import type { RegionReport } from '@meridian/protocol/region-report'
import t, { type Test } from 'tap'
import { measureRegions } from '../../services/identity/src/directory/measure-regions.ts'
import { readRegionSync } from '../../services/identity/src/directory/region-health.ts'
import { warnOfHeld } from '../../services/identity/src/directory/watch-regions.ts'
import { eachEngine, shiftClock } from '../support/databases.ts'
import { type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { fetchAll, sendReport } from '../support/region-reports.ts'

t.setTimeout(150_000)

const HELD = { organizations: 1, users: 3, memberships: 3 }
const at = (secondsAgo: number) => new Date(Date.now() - secondsAgo * 1000).toISOString()

async function regionOf({ deps }: IdentityUnderTest) {
  const found = (await readRegionSync(deps)).regions.find(({ region }) => region === 'in')
  if (found === undefined) throw new Error('no such region')
  return found
}

async function start(t: Test, place: Parameters<Parameters<typeof eachEngine>[2]>[1]) {
  const identity = await startIdentity(t, await place('identity'))
  const { metrics } = identity.deps
  metrics.all.beforeReading(() => measureRegions(identity.deps))
  return {
    identity,
    alarms: async (about: RegExp) => (await regionOf(identity)).alarms.filter((alarm) => about.test(alarm)),
    report: async (report: Partial<RegionReport>) => {
      await fetchAll(identity, 'in')
      return (await sendReport(identity, 'in', { held: HELD, ...report })).status
    },
  }
}

await eachEngine(t, 'what a region found by itself is kept, an alarm and a number for an hour', async (t, place) => {
  const { identity, alarms, report } = await start(t, place)
  const drift = async () => (await regionOf(identity)).followers[0]?.report?.drift
  t.equal(await report({}), 200, 'one that knows of none')
  t.strictSame([await alarms(/drift/), await drift()], [[], undefined])

  const found = { at: at(600), differing: 3, mended: 3 }
  t.equal(await report({ drift: found }), 200)
  t.strictSame(await alarms(/drift/), ['drift: 3 rows differed within the last hour when it compared by itself'])
  t.match(await identity.deps.metrics.all.text(), /^meridian_region_drift_rows\{region="in"\} 3$/m)
  await report({})
  t.strictSame(await drift(), found, 'another process of the region has found nothing')
  await report({ drift: { at: at(700), differing: 9, mended: 9 } })
  t.strictSame(await drift(), found, 'or something else, before')
  const later = { at: at(500), differing: 2, mended: 0 }
  await report({ drift: later })
  t.strictSame(await drift(), later)
  const toCome = { at: at(-86_400), differing: 1, mended: 1 }
  await report({ drift: toCome })
  t.strictSame(await drift(), toCome, 'its clock is wrong')
  await report({ drift: later })
  t.strictSame(await drift(), later, 'and put right')
  t.equal(await report({ drift: { ...later, at: 'yesterday' } }), 400)

  await shiftClock(identity.db, 3200)
  await report({})
  t.strictSame([await alarms(/drift/), await drift()], [[], later])
  t.match(await identity.deps.metrics.all.text(), /^meridian_region_drift_rows\{region="in"\} 0$/m)
})

await eachEngine(
  t,
  'a region that holds another number than it should is an alarm, where nothing is on its way',
  async (t, place) => {
    const { identity, alarms, report } = await start(t, place)
    const held = (changes: Partial<RegionReport['held']> = {}) => ({ held: { ...HELD, ...changes } })
    const reported = async (given: Partial<RegionReport>) => {
      await report(given)
      return alarms(/holds/)
    }
    t.strictSame(await reported(held({ memberships: 2 })), [], 'something has just changed')
    await shiftClock(identity.db, 200)
    t.strictSame(await reported(held()), [])
    const wrong = held({ users: 0, memberships: 2 })
    const alarm = 'region-in: it holds 0 users instead of 3, 2 memberships instead of 3'
    t.strictSame(await reported(wrong), [alarm])
    const before = identity.logText().length
    await warnOfHeld(identity.deps)
    t.match(identity.logText().slice(before), alarm, 'in the log too')
    t.strictSame(await reported(held({ organizations: 2 })), ['region-in: it holds 2 organizations instead of 1'])
    t.strictSame(await reported({ ...wrong, rebuilding: true }), [], 'it reads everything anew')
    t.strictSame(await reported({ ...wrong, parked: 1 }), [], 'it says so itself')
    t.strictSame(await reported(wrong), [alarm])

    await ask(identity, "UPDATE user_account SET name = 'Ada Two' WHERE email = 'ada@acme.test'")
    t.strictSame(await alarms(/holds/), [], 'it has not fetched everything')
    t.strictSame(await reported(wrong), [], 'nor for long')
    await shiftClock(identity.db, 240)
    await fetchAll(identity, 'in')
    t.strictSame(await alarms(/holds/), [], 'and has not reported since')
    await shiftClock(identity.db, 400)
    t.strictSame(await reported(wrong), [alarm])

    await ask(
      identity,
      "UPDATE organization SET status = 'deleted', deleted_at = meridian_now(), delete_after = meridian_now() WHERE slug = 'acme'",
    )
    await shiftClock(identity.db, 600)
    t.strictSame(await reported(held({ organizations: 0 })), ['region-in: it holds 0 organizations instead of 1'])
    await ask(
      identity,
      `INSERT INTO erasure_order (id, kind, subject_id, region, acknowledged_at)
      SELECT $1::uuid, 'organization', id, 'in', meridian_now() FROM organization WHERE slug = 'acme'`,
      [identity.deps.makeId()],
    )
    t.strictSame(await reported(held({ organizations: 0 })), [], 'it has erased it already')
  },
)
