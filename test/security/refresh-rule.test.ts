// The rule of rotation by itself: every state of a family and every token, genuine as they are, have one verdict, and
// what ends a family quietly always goes before what ends it as theft. Set FAST_CHECK_SEED to replay.
import fc from 'fast-check'
import t from 'tap'
import {
  type FamilyState,
  judgePresentation,
  type PresentedToken,
  type Verdict,
} from '../../services/identity/src/sessions/rotation-rule.ts'
import { propertySeed } from '../support/property-seed.ts'

const GRACE_SECONDS = 30
const RUNS = 5000
const seed = propertySeed()
t.comment(`seed ${seed}`)

type Case = { readonly family: FamilyState; readonly presented: PresentedToken }

const epoch = fc.constantFrom('1', '2', '1763700000')
const mostly = (usual: boolean) => fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, fc.boolean())
const retryKey = fc.constantFrom(null, ...['a', 'b', 'ab'].map((text) => new Uint8Array(Buffer.from(text.repeat(16)))))
const counter = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 999_999_999 }))
const waited = fc.oneof(
  fc.constantFrom(0, 29.999, 30, 30.001, 31, 90 * 86_400),
  fc.double({ min: -5, max: 1e8, noNaN: true }),
)

const anyCase: fc.Arbitrary<Case> = fc
  .record({ counter, epoch, waited, familyKey: retryKey, presentedKey: retryKey })
  .chain((drawn) =>
    fc.record({
      family: fc.record({
        counter: fc.constant(drawn.counter),
        epoch: fc.oneof({ weight: 4, arbitrary: fc.constant(drawn.epoch) }, epoch),
        currentEpoch: fc.constant(drawn.epoch),
        secondsSinceRotation: fc.constant(drawn.waited),
        retryKeyHash: fc.constant(drawn.familyKey),
        isExpired: mostly(false),
        isRevoked: mostly(false),
        arePartiesLive: mostly(true),
      }),
      presented: fc.record({
        counter: fc.oneof(
          fc.integer({ min: -3, max: 2 }).map((step) => Math.max(0, drawn.counter + step)),
          counter,
        ),
        epoch: fc.oneof({ weight: 4, arbitrary: fc.constant(drawn.epoch) }, epoch),
        retryKeyHash: fc.constant(drawn.presentedKey),
      }),
    }),
  )

const judge = ({ family, presented }: Case) => judgePresentation(family, presented, GRACE_SECONDS)

// What each verdict stands for, said without looking at the others; their order is the precedence.
const isOver = ({ family }: Case) => family.isRevoked || family.isExpired
const isFromAnotherTime = ({ family, presented }: Case) =>
  new Set([family.epoch, family.currentEpoch, presented.epoch]).size > 1 || presented.counter > family.counter
const isWithoutParty = ({ family }: Case) => !family.arePartiesLive
const isHead = ({ family, presented }: Case) => presented.counter === family.counter
const hasSameKey = ({ family, presented }: Case) =>
  family.retryKeyHash !== null && String(family.retryKeyHash) === String(presented.retryKeyHash)
const isHonestRepeat = (drawn: Case) =>
  drawn.family.counter - drawn.presented.counter === 1 &&
  (hasSameKey(drawn) || drawn.family.secondsSinceRotation <= GRACE_SECONDS)

const PRECEDENCE: readonly (readonly [Verdict, (drawn: Case) => boolean])[] = [
  ['ended', isOver],
  ['restored', isFromAnotherTime],
  ['party_gone', isWithoutParty],
  ['head', isHead],
  ['repeat', isHonestRepeat],
  ['reuse', () => true],
]
const expected = (drawn: Case): Verdict => PRECEDENCE.find(([, holds]) => holds(drawn))?.[0] ?? 'reuse'

const check = (holds: (drawn: Case) => boolean) =>
  fc.assert(fc.property(anyCase, holds), { seed, numRuns: RUNS, endOnFailure: false })

t.test('each state and token have exactly one verdict, by a fixed precedence, and each verdict occurs', async (t) => {
  const reached = new Map<Verdict, number>()
  check((drawn) => {
    const verdict = judge(drawn)
    reached.set(verdict, (reached.get(verdict) ?? 0) + 1)
    return verdict === expected(drawn)
  })
  t.strictSame([...reached.keys()].sort(), PRECEDENCE.map(([verdict]) => verdict).sort(), 'all six were drawn')
  for (const [verdict, times] of reached) t.ok(times > 20, `${verdict}: ${times} cases`)
})

t.test('what is over stays over: no clock, key, epoch or counter revives it', async (t) => {
  check((drawn) => {
    for (const end of [{ isRevoked: true }, { isExpired: true }, { isRevoked: true, isExpired: true }]) {
      if (judge({ ...drawn, family: { ...drawn.family, ...end } }) !== 'ended') return false
    }
    return true
  })
  t.pass(`${RUNS} cases`)
})

t.test('a restored centre is never taken for theft, whatever was spent meanwhile', async (t) => {
  check((drawn) => {
    const raised = { ...drawn.family, currentEpoch: '9', isExpired: false, isRevoked: false }
    const older = { ...drawn.presented, epoch: drawn.family.epoch }
    const ahead = { ...raised, epoch: '9', counter: 5 }
    return (
      judge({ family: raised, presented: older }) === 'restored' &&
      judge({ family: ahead, presented: { ...older, epoch: '9', counter: 6 } }) === 'restored'
    )
  })
  t.pass(`${RUNS} cases`)
})

t.test('waiting turns a repeat into reuse at most once and never back, at the grace period exactly', async (t) => {
  const base: FamilyState = {
    counter: 7,
    epoch: '1',
    currentEpoch: '1',
    secondsSinceRotation: 0,
    retryKeyHash: null,
    isExpired: false,
    isRevoked: false,
    arePartiesLive: true,
  }
  const after = (seconds: number, grace: number) =>
    judgePresentation({ ...base, secondsSinceRotation: seconds }, { counter: 6, epoch: '1', retryKeyHash: null }, grace)
  const grace = fc.integer({ min: 0, max: 300 })
  const instants = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }), { minLength: 2, maxLength: 20 })
  fc.assert(
    fc.property(grace, instants, (graceSeconds, drawn) => {
      const verdicts = [...drawn].sort((a, b) => a - b).map((seconds) => after(seconds, graceSeconds))
      const firstReuse = verdicts.indexOf('reuse')
      return firstReuse === -1 || verdicts.slice(firstReuse).every((verdict) => verdict === 'reuse')
    }),
    { seed, numRuns: RUNS },
  )
  for (const graceSeconds of [0, 30, 300]) {
    t.equal(after(graceSeconds, graceSeconds), 'repeat', `${graceSeconds} s of ${graceSeconds}`)
    t.equal(after(graceSeconds + 0.001, graceSeconds), 'reuse', `1 ms after ${graceSeconds} s`)
  }
})

t.test('only the key of the very rotation excuses a late repeat, and only for the direct predecessor', async (t) => {
  check((drawn) => {
    const live = { isExpired: false, isRevoked: false, arePartiesLive: true, epoch: '1', currentEpoch: '1' }
    const late = { ...drawn.family, ...live, counter: 10, secondsSinceRotation: 1e7 }
    const verdicts = [8, 9].map((spent) =>
      judge({ family: late, presented: { ...drawn.presented, epoch: '1', counter: spent } }),
    )
    return verdicts[0] === 'reuse' && verdicts[1] === (hasSameKey(drawn) ? 'repeat' : 'reuse')
  })
  t.pass(`${RUNS} cases`)
})

t.test('judging changes nothing: frozen input, the same verdict each time', async (t) => {
  check((drawn) => {
    const frozen = { family: Object.freeze({ ...drawn.family }), presented: Object.freeze({ ...drawn.presented }) }
    const verdicts = [judge(frozen), judge(frozen), judge(drawn)]
    return new Set(verdicts).size === 1
  })
  t.pass(`${RUNS} cases`)
})
