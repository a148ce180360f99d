// The canary in the revocation lane: how long a revocation takes until a region knows it, measured all the time.
import t from 'tap'
import { writeDueCanaries } from '../../services/identity/src/directory/watch-regions.ts'
import { eachEngine, onPostgresql, shiftClock } from '../support/databases.ts'
import { startIdentity } from '../support/identity.ts'
import { ask } from '../support/races.ts'
import { askerOf, readRound } from '../support/region-lanes.ts'
import { hearOfRegions } from '../support/region-reports.ts'

t.setTimeout(150_000)

type Canary = { readonly region: string; readonly seconds: number | null }
const canaries = (identity: Parameters<typeof ask>[0]) =>
  ask(
    identity,
    'SELECT region, extract(epoch FROM known_at - written_at)::float8 AS seconds FROM revocation_canary ORDER BY region',
  ) as Promise<readonly unknown[]> as Promise<readonly Canary[]>
const rowsOf = async (identity: Parameters<typeof ask>[0]) =>
  (await ask(identity, "SELECT region FROM revocation WHERE kind = 'session' ORDER BY seq")).map(({ region }) => region)

t.test('the canary', async (t) => {
  await eachEngine(
    t,
    'is written for regions that are there, and known once a region has asked with it',
    async (t, place) => {
      const identity = await startIdentity(t, await place('identity'))
      await writeDueCanaries(identity.deps)
      t.strictSame(await canaries(identity), [], 'not for a region that is not there')
      const region = await askerOf(identity, 'in')
      const { cursor } = await readRound(region)
      await writeDueCanaries(identity.deps)
      t.strictSame(await canaries(identity), [{ region: 'in', seconds: null }])
      await writeDueCanaries(identity.deps)
      t.strictSame(await rowsOf(identity), ['in'], 'one at a time')
      await shiftClock(identity.db, 2)
      const round = await readRound(region, cursor)
      t.match(round.revocations, [{ kind: 'session', sid: String }], 'it is an ordinary revocation')
      t.strictSame(await canaries(identity), [{ region: 'in', seconds: null }], 'told is not known')
      await readRound(region, cursor)
      t.match(await canaries(identity), [{ seconds: null }], 'whoever asks again from before has lost the answer')
      await readRound(region, round.cursor)
      const [known] = await canaries(identity)
      t.ok(known?.seconds != null && known.seconds >= 2 && known.seconds < 10, `${known?.seconds} s`)
      const text = await identity.deps.metrics.all.text()
      t.match(text, /meridian_revocation_canary_seconds_count\{region="in"\} 1\n/)
      t.match(text, /meridian_revocation_canary_seconds_bucket\{le="1.5",region="in"\} 0\n/)
      await readRound(region, round.cursor)
      t.match(await identity.deps.metrics.all.text(), /canary_seconds_count\{region="in"\} 1\n/, 'measured once')

      await shiftClock(identity.db, 9)
      await writeDueCanaries(identity.deps)
      t.equal((await rowsOf(identity)).length, 1, 'ten seconds are not over')
      await shiftClock(identity.db, 15)
      await writeDueCanaries(identity.deps)
      t.equal((await rowsOf(identity)).length, 2)
      await shiftClock(identity.db, 60)
      await hearOfRegions(identity)
      await writeDueCanaries(identity.deps)
      t.strictSame(
        await rowsOf(identity),
        ['in', 'in', 'us'],
        'a slow region is measured too: its canary stays a minute',
      )
      await shiftClock(identity.db, 80)
      await writeDueCanaries(identity.deps)
      t.strictSame(await rowsOf(identity), ['in', 'in', 'us', 'in'])
    },
  )

  await onPostgresql(t, 'is written once by all processes together', async (t, place) => {
    const identity = await startIdentity(t, await place('identity'), { instances: 4 })
    await hearOfRegions(identity)
    await Promise.all(identity.instances.flatMap(({ deps }) => [writeDueCanaries(deps), writeDueCanaries(deps)]))
    t.strictSame((await rowsOf(identity)).sort(), ['in', 'us'])
  })
})
