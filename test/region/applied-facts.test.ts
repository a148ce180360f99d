// What a process of a region remembers of its database: bounded, never older than the news that it has heard.
import t from 'tap'
import { createAppliedFacts } from '../../services/region/src/replica/applied-facts.ts'
import { createHostRefresher } from '../../services/region/src/replica/refresh-hosts.ts'

function setUp(factsMax = 100) {
  const stored = { applied: 1, value: 'a' }
  const clock = { nowMs: 0 }
  const looked: string[] = []
  let gate: Promise<void> = Promise.resolve()
  const facts = createAppliedFacts<string, string>({
    lookUp: async (id) => {
      looked.push(id)
      const answer = { applied: stored.applied, fact: stored.value }
      await gate
      return answer
    },
    factsMax,
    nowMs: () => clock.nowMs,
  })
  const hold = () => {
    const held = Promise.withResolvers<void>()
    gate = held.promise
    return held.resolve
  }
  return { facts, stored, clock, looked, hold }
}

t.test('a fact is looked up once, whoever asks', async (t) => {
  const { facts, looked } = setUp()
  t.equal(facts.find('x'), undefined)
  t.strictSame(await Promise.all(Array.from({ length: 50 }, () => facts.get('x'))), Array(50).fill('a'))
  t.equal(facts.find('x'), 'a')
  t.strictSame(looked, ['x'])
})

t.test('news make it old, of this one or of all', async (t) => {
  const { facts, stored, looked } = setUp()
  await facts.get('x')
  await facts.get('y')
  Object.assign(stored, { applied: 2, value: 'b' })
  facts.forget(['x'], 2)
  t.equal(await facts.get('x'), 'b')
  t.equal(await facts.get('y'), 'a', 'the other one is as it was')
  stored.value = 'c'
  facts.forgetAll(2)
  t.strictSame([await facts.get('x'), await facts.get('y')], ['c', 'c'])
  t.equal(looked.length, 5)
})

t.test('an answer that news have overtaken is not remembered, nor given to who asks after them', async (t) => {
  const { facts, stored, looked, hold } = setUp()
  const release = hold()
  const early = facts.get('x')
  Object.assign(stored, { applied: 2, value: 'b' })
  facts.forget(['x'], 2)
  const late = facts.get('x')
  release()
  t.equal(await early, 'a')
  t.equal(await late, 'b')
  t.equal(facts.find('x'), 'b')
  t.equal(looked.length, 2)
})

t.test('nor is it remembered where nobody asks meanwhile', async (t) => {
  const { facts, stored, hold } = setUp()
  const release = hold()
  const early = facts.get('x')
  Object.assign(stored, { applied: 2, value: 'b' })
  facts.forget(['x'], 2)
  release()
  t.equal(await early, 'a')
  t.equal(facts.find('x'), undefined)
  t.equal(await facts.get('x'), 'b')
})

t.test('it is bounded, and what is used stays', async (t) => {
  const { facts } = setUp(10)
  await facts.get('used')
  for (let n = 0; n < 100; n += 1) {
    await facts.get(String(n))
    t.equal(facts.find('used'), 'a')
  }
  const left = Array.from({ length: 100 }, (_, n) => facts.find(String(n))).filter((fact) => fact !== undefined)
  t.ok(left.length < 20, `${left.length}`)
})

t.test('it is not remembered for ever, whichever way the clock goes', async (t) => {
  for (const shift of [60_001, -60_001]) {
    const { facts, clock, looked } = setUp()
    await facts.get('x')
    clock.nowMs += Math.sign(shift) * 60_000
    t.equal(facts.find('x'), 'a')
    clock.nowMs = shift
    t.equal(facts.find('x'), undefined)
    await facts.get('x')
    t.equal(looked.length, 2)
  }
})

t.test('a look-up that fails is asked again', async (t) => {
  let isAway = true
  const lookUp = async () => {
    if (isAway) throw new Error('away')
    return { applied: 1, fact: 'a' }
  }
  const facts = createAppliedFacts<string, string>({ lookUp, factsMax: 10, nowMs: () => 0 })
  await t.rejects(facts.get('x'))
  isAway = false
  t.equal(await facts.get('x'), 'a')
})

t.test('hosts are asked for at once, again where that was too early, and not all the time', async (t) => {
  let asked = 0
  let waiting: (() => void)[] = []
  let underWay: Promise<void> | null = null
  const end = { now: () => {} }
  const refresh = () => {
    if (underWay !== null) return underWay
    asked += 1
    const { promise, resolve } = Promise.withResolvers<void>()
    underWay = promise
    end.now = () => {
      underWay = null
      resolve()
    }
    return promise
  }
  const schedule = (work: () => void) => {
    waiting.push(work)
    return () => {}
  }
  const settle = async () => {
    end.now()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const pass = () => {
    const now = waiting
    waiting = []
    for (const work of now) work()
  }
  const refresher = createHostRefresher({ hosts: { refresh }, timesAsked: () => asked, schedule })
  const news = (kind: string) => refresher.onNews({ applied: 1, kinds: [kind], memberships: [], organizations: [] })
  news('user')
  t.equal(asked, 0, 'hosts have nothing to do with people')
  news('domain')
  t.equal(asked, 1)
  for (let n = 0; n < 10; n += 1) news('organization')
  await settle()
  t.equal(asked, 1)
  pass()
  t.equal(asked, 2, 'once more for all that came meanwhile')
  await settle()
  pass()
  t.equal(asked, 2)
  void refresh()
  news('domain')
  t.equal(asked, 3, 'joins what is under way')
  await settle()
  pass()
  t.equal(asked, 4, 'which may have been too early')
})
