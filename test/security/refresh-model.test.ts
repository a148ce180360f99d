// Section 3 of the security cases, P1–P8: random histories of sign-ins, refreshes, lost answers, waiting, sign-outs,
// locked people, changed memberships, restarts and restores, each step predicted by test/support/rotation-model.ts.
// FAST_CHECK_SEED (and FAST_CHECK_PATH) replay one; MODEL_RUNS and MODEL_COMMANDS make it longer.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { embeddedPlace, onPostgresql } from '../support/databases.ts'
import { IN, startIdentity, US } from '../support/identity.ts'
import { propertySeed } from '../support/property-seed.ts'
import { UNHURRIED } from '../support/races.ts'
import type { Family, Target, World } from '../support/rotation-model.ts'
import { createService, type Service } from '../support/rotation-service.ts'
import { setClientDeleted, setDisabled, setMembership, setSuspended, setWithdrawn } from '../support/rotation-world.ts'

const RUNS = Number(process.env['MODEL_RUNS'] ?? 24)
const COMMANDS = Number(process.env['MODEL_COMMANDS'] ?? 40)
const HOUR = 3600
const DAY = 86_400

type Act = (world: World, service: Service) => Promise<void>

class Step implements fc.AsyncCommand<World, Service> {
  readonly #title: string
  readonly #act: Act
  readonly #needsFamily: boolean
  constructor(title: string, act: Act, needsFamily = false) {
    this.#title = title
    this.#act = act
    this.#needsFamily = needsFamily
  }
  check = (world: Readonly<World>) => !this.#needsFamily || world.families.length > 0
  async run(world: World, service: Service): Promise<void> {
    await this.#act(world, service)
    await service.holdsTo(world)
  }
  toString = () => this.#title
}

const TARGETS: readonly (Target | null)[] = [
  null,
  null,
  { resource: IN, org: 'a' },
  { resource: US, org: 'a' },
  { resource: US, org: 'g' },
  { resource: IN, org: 'nowhere' },
]
const SHORT_WAITS = [1, 1, 2, 29, 30, 31, 31, 599, 601, HOUR]
const LONG_WAITS = [DAY - 1, DAY, 30 * DAY, 89 * DAY, 90 * DAY - 1, 90 * DAY, 365 * DAY]
const which = fc.nat({ max: 5 })
const who = fc.nat({ max: 1 })
const target = fc.constantFrom(...TARGETS)
const back = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 7)
const key = fc.constantFrom('none', 'none', 'new', 'same', 'same', 'older')
const place = fc.constantFrom(...(['a in', 'a us', 'g us'] as const))
const role = fc.constantFrom('manager', 'member', 'viewer')
const rarely = fc.constantFrom(false, false, true)
const mostly = fc.constantFrom(true, true, false)

const pick = (world: World, index: number) => {
  const family = world.families[index % world.families.length]
  assert(family !== undefined)
  return family
}

/** A step of some kind, with what was drawn for it; its title is what a counterexample shows. */
const step = <D>(
  title: string,
  drawn: fc.Arbitrary<D>,
  act: (world: World, service: Service, drawn: D) => Promise<void>,
) => drawn.map((d) => new Step(`${title} ${JSON.stringify(d)}`, (world, service) => act(world, service, d)))

const ofFamily = <D extends { which: number }>(
  title: string,
  drawn: fc.Arbitrary<D>,
  act: (world: World, service: Service, family: Family, drawn: D) => Promise<void>,
) =>
  drawn.map((d) => {
    const onFamily: Act = (world, service) => act(world, service, pick(world, d.which), d)
    return new Step(`${title} ${JSON.stringify(d)}`, onFamily, true)
  })

const uses = fc.oneof(
  {
    weight: 8,
    arbitrary: ofFamily('refresh', fc.record({ which, back, key, target }), (w, s, f, d) =>
      s.refresh(w, f, d.back, d.key, d.target),
    ),
  },
  {
    weight: 2,
    arbitrary: ofFamily('lose an answer', fc.record({ which, target }), (w, s, f, d) => s.loseAnswer(w, f, d.target)),
  },
  {
    weight: 3,
    arbitrary: step('retry', fc.record({ which, hasKey: mostly, target }), (w, s, d) =>
      s.retry(w, d.which, d.hasKey, d.target),
    ),
  },
  {
    weight: 2,
    arbitrary: ofFamily('burst', fc.record({ which, size: fc.integer({ min: 2, max: 5 }), target }), (w, s, f, d) =>
      s.burst(w, f, d.size, d.target),
    ),
  },
  {
    weight: 2,
    arbitrary: ofFamily('exchange', fc.record({ which, to: fc.nat({ max: 3 }) }), (w, s, f, d) =>
      s.exchange(w, f, TARGETS[d.to + 2] as Target),
    ),
  },
)
const waits = fc.oneof(
  { weight: 8, arbitrary: step('wait s', fc.constantFrom(...SHORT_WAITS), (w, s, d) => s.wait(w, d)) },
  { weight: 1, arbitrary: step('wait s', fc.constantFrom(...LONG_WAITS), (w, s, d) => s.wait(w, d)) },
)
const changes = fc.oneof(
  { weight: 1, arbitrary: ofFamily('sign out', fc.record({ which, back }), (w, s, f, d) => s.signOut(w, f, d.back)) },
  {
    weight: 2,
    arbitrary: step('disable', fc.record({ who, is: rarely }), (w, s, d) => setDisabled(s.db, w, d.who, d.is)),
  },
  {
    weight: 4,
    arbitrary: step('membership', fc.record({ who, place, role, isActive: mostly }), (w, s, d) =>
      setMembership(s.db, w, d),
    ),
  },
  {
    weight: 2,
    arbitrary: step('suspend', fc.record({ org: fc.constantFrom('a', 'g'), is: rarely }), (w, s, d) =>
      setSuspended(s.db, w, d.org, d.is),
    ),
  },
  {
    weight: 2,
    arbitrary: step('withdraw', fc.record({ place, is: rarely }), (w, s, d) => setWithdrawn(s.db, w, d.place, d.is)),
  },
  { weight: 2, arbitrary: step('delete client', rarely, (w, s, d) => setClientDeleted(s.db, w, d)) },
  { weight: 3, arbitrary: step('restart', fc.constant(null), (_, s) => s.restart()) },
  { weight: 1, arbitrary: step('restored from backup', fc.constant(null), (w, s) => s.declareRestored(w)) },
)
const signIns = step('sign in', fc.record({ who, client: fc.nat({ max: 3 }) }), (w, s, d) =>
  s.signIn(w, d.who, d.client),
)

// fast-check draws each step from these with equal chance.
const commands = [uses, uses, uses, uses, uses, uses, uses, waits, waits, changes, changes, signIns]

async function explore(service: Service, numRuns: number, seed: number): Promise<void> {
  const histories = fc.commands(commands, { maxCommands: COMMANDS, size: 'max' })
  const path = process.env['FAST_CHECK_PATH']
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const world = await service.createWorld()
      // Without anybody signed in there would be little to see.
      await service.signIn(world, 0, 0)
      await fc.asyncModelRun(() => ({ model: world, real: service }), history)
      await service.deadStayDead(world)
    }),
    { seed, numRuns, ...(path === undefined ? {} : { path }) },
  )
}

const report = (service: Service) =>
  Object.entries(service.seen)
    .map(([answer, count]) => `${answer} ${count}`)
    .join(', ')
const seed = propertySeed()

t.test('the service does what the model predicts, step by step (pglite)', async (t) => {
  t.comment(`seed ${seed}, ${RUNS} histories of up to ${COMMANDS} steps`)
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  // Nothing is prepared on this engine: most of a statement's time goes into planning joins that need no choice.
  await identity.db.sql(
    {
      name: 'plan_less',
      text: `SELECT set_config(name, 'off', false)
    FROM unnest(ARRAY['enable_mergejoin', 'enable_hashjoin', 'enable_material']) name`,
    },
    [],
  )
  const service = createService(identity)
  await explore(service, RUNS, seed)
  t.comment(report(service))
  for (const answer of ['rotated', 'repeated', 'reused', 'invalid_target', 'invalid_grant']) {
    t.ok((service.seen[answer] ?? 0) > 0, `${answer}: ${service.seen[answer]} times`)
  }
})

t.test('idle and absolute expiry, to the second (A32, P4)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const service = createService(identity)
  const histories: readonly [string, number, readonly number[]][] = [
    ['unused for 90 days', 0, [90 * DAY]],
    ['one second before, then 90 days', 0, [90 * DAY - 1, 90 * DAY]],
    ['active, until a year is over', 0, [80 * DAY, 80 * DAY, 80 * DAY, 80 * DAY, 45 * DAY - 1, 1]],
    ['a browser that holds its token itself, until a day is over', 2, [DAY / 2, DAY / 2 - 1, 1]],
  ]
  for (const [title, client, waits] of histories) {
    const world = await service.createWorld()
    await service.signIn(world, 0, client)
    const family = pick(world, 0)
    for (const seconds of waits) {
      await service.wait(world, seconds)
      await service.refresh(world, family, 0, 'none', null)
      await service.holdsTo(world)
    }
    t.equal(family.counter, waits.length - 1, `${title}: all but the last refresh rotate`)
  }
})

await onPostgresql(t, 'the service does what the model predicts, step by step', async (t, makePlace) => {
  t.comment(`seed ${seed}`)
  const identity = await startIdentity(t, await makePlace('identity'), { settings: UNHURRIED })
  const service = createService(identity)
  await explore(service, Math.ceil(RUNS / 3), seed)
  t.comment(report(service))
  t.ok((service.seen['rotated'] ?? 0) > 0)
})
