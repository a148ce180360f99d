// Whatever happens to the centre, to the region and on the way between them: in the end the replica is what the region may
// see, and no page has ever taken an entity back. Two processes, one database, a simulated centre.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { propertySeed } from '../support/property-seed.ts'
import { closeAll, makeFeedWorld, type Process } from './feed-world.ts'
import { backUp, heldRows, openEmbeddedReplica, parkedRows, type ReplicaDatabase } from './replica-database.ts'

const RUNS = Number(process.env['FEED_PROPERTY_RUNS'] ?? 30)
/** A failing story is told as it came; replay it with FAST_CHECK_SEED and this to have it made short, which takes minutes. */
const SHRINKS = process.env['FEED_PROPERTY_SHRINKS'] !== undefined

type Happening =
  | { what: 'change'; entity: number; state: number | null }
  | {
      what: 'step' | 'die' | 'loseReply' | 'loseAnswer' | 'repeatAnswer' | 'overlap' | 'repair' | 'rebuild'
      by: 0 | 1
      nth: number
    }
  | {
      what:
        | 'hold'
        | 'release'
        | 'compact'
        | 'forgetGone'
        | 'saveCentre'
        | 'restoreTold'
        | 'restoreUntold'
        | 'saveRegion'
        | 'restoreRegion'
        | 'olderBuild'
    }

const entity = fc.integer({ min: 0, max: 47 })
const change = fc.record({
  what: fc.constant('change' as const),
  entity,
  state: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 3 }),
})
const by = fc.constantFrom(0 as const, 1 as const)
const act = fc.record({
  what: fc.constantFrom(
    ...([
      'step',
      'step',
      'step',
      'die',
      'loseReply',
      'loseAnswer',
      'repeatAnswer',
      'overlap',
      'repair',
      'rebuild',
    ] as const),
  ),
  by,
  nth: fc.integer({ min: 1, max: 14 }),
})
const turn = fc.record({
  what: fc.constantFrom(
    ...([
      'hold',
      'release',
      'compact',
      'forgetGone',
      'saveCentre',
      'restoreTold',
      'restoreUntold',
      'saveRegion',
      'restoreRegion',
      'olderBuild',
    ] as const),
  ),
})
const happenings = fc.array(
  fc.oneof({ weight: 8, arbitrary: change }, { weight: 8, arbitrary: act }, { weight: 2, arbitrary: turn }),
  { minLength: 5, maxLength: 60, size: 'max' },
) as fc.Arbitrary<Happening[]>

/** Most are clients; some are of a kind that nobody knows, some in a shape that nobody understands. */
function entityOf(index: number) {
  if (index % 12 === 11) return { kind: 'planet', id: `p${index}`, member: 'size' }
  return { kind: 'client', id: `c${index}`, member: index % 12 === 10 ? 'not_known' : 'allowed_origins' }
}

async function play(database: ReplicaDatabase, begin: number, story: readonly Happening[]): Promise<void> {
  await database.empty()
  const { centre, makeProcess } = makeFeedWorld(database)
  const changeEntity = (index: number, state: number | null) => {
    const { kind, id, member } = entityOf(index)
    centre.change(kind, id, state === null ? null : { [member]: state === 0 ? [] : [`https://${state}.example.test`] })
  }
  for (let index = 0; index < begin; index += 1) changeEntity(index, 1)
  centre.save()
  let restoreRegion = await backUp(database)
  const processes = [makeProcess(), makeProcess()] as [Process, Process]
  const restart = async (index: 0 | 1) => {
    await processes[index].follower.stop()
    processes[index] = makeProcess()
  }
  let isMended = true

  async function happen(happening: Happening): Promise<void> {
    if (happening.what === 'change') return changeEntity(happening.entity, happening.state)
    if ('by' in happening) return actAs(processes[happening.by], happening)
    switch (happening.what) {
      case 'hold':
      case 'release':
      case 'compact':
      case 'forgetGone':
        return centre[happening.what]()
      case 'saveCentre':
        return centre.save()
      case 'restoreTold':
        return centre.restore({ isTold: true })
      case 'restoreUntold': {
        // While lists are read nobody can tell that they are of two histories: a comparison must find that.
        isMended = false
        return centre.restore({ isTold: false })
      }
      case 'saveRegion':
        restoreRegion = await backUp(database)
        return
      case 'restoreRegion':
        for (const it of processes) it.forgetAnswers()
        return restoreRegion()
      case 'olderBuild':
        await database.query(`INSERT INTO replica_parked SELECT kind, id, epoch, revision, state, 'unknown kind', generation
          FROM replica_entity ON CONFLICT (kind, id) DO NOTHING`)
        await database.query('DELETE FROM replica_entity')
        for (const index of [0, 1] as const) await restart(index)
    }
  }

  async function actAs(it: Process, { what, by: index, nth }: Extract<Happening, { by: 0 | 1 }>): Promise<void> {
    switch (what) {
      case 'step':
        return it.follower.refresh()
      case 'die':
        it.dieAtQuery(nth)
        await it.follower.refresh()
        return restart(index)
      case 'loseReply':
        it.loseNextReply()
        return it.follower.refresh()
      case 'loseAnswer':
      case 'repeatAnswer':
        it.faults[what] = true
        return it.follower.refresh()
      case 'overlap':
        it.faults.meanwhile = async () => {
          for (let step = 0; step < nth % 4; step += 1) {
            changeEntity((nth * 7 + step) % 48, step === 2 ? null : nth)
            await processes[index === 0 ? 1 : 0].follower.refresh()
          }
        }
        return it.follower.refresh()
      case 'repair':
      case 'rebuild':
        // Not waited for: other things happen before it is done.
        it.follower[what]().catch(() => {})
        return it.follower.refresh()
    }
  }

  for (const happening of story) await happen(happening)

  centre.release()
  centre.declareRestored()
  for (const index of [0, 1] as const) await restart(index)
  for (const it of processes) {
    await it.follower.start()
    await it.catchUp()
  }
  if (!isMended) await processes[0].settle(processes[0].follower.repair())
  await processes[0].catchUp()
  const told = centre.view().map(({ kind, id, revision, state }) => ({ kind, id, revision, state }))
  const pick = ({ kind, id, revision, state }: (typeof told)[number]) => ({ kind, id, revision, state })
  const isParked = ({ kind, state }: (typeof told)[number]) =>
    kind === 'planet' || (state !== null && 'not_known' in state)
  const live = (await heldRows(database)).filter(({ state }) => state !== null) as typeof told
  const parked = (await parkedRows(database)).filter(({ state }) => state !== null) as typeof told
  assert.deepEqual(
    live.map(pick),
    told.filter((entry) => !isParked(entry)),
    'the replica is the view',
  )
  assert.deepEqual(parked.map(pick), told.filter(isParked), 'and what is not understood is put aside')
  const report = await processes[0].settle(processes[0].follower.compare())
  assert.deepEqual([report.differing, report.named, report.error], [0, [], null], 'and digests agree')
  await closeAll(processes)
}

t.test('in the end the replica is what the region may see', async (t) => {
  const database = await openEmbeddedReplica(t)
  const seed = propertySeed()
  t.comment(`seed ${seed}`)
  let ended = 0
  const property = fc.asyncProperty(fc.integer({ min: 0, max: 48 }), happenings, async (begin, story) => {
    await play(database, begin, story)
    ended += 1
  })
  await fc.assert(property, { seed, numRuns: RUNS, endOnFailure: !SHRINKS })
  t.equal(ended, RUNS, 'each story ended with equal digests')
})
