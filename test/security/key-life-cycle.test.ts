// The rules of a signing key's life, as pure functions: what the schedule does, when, and when it does not.
import t from 'tap'
import {
  activations,
  dueTransitions,
  emergency,
  type KeyView,
  type LivingKey,
  LONGEST_CACHE_SECONDS,
  RETIRING_SECONDS,
  readinessOf,
  retirements,
  stagings,
} from '../../services/identity/src/keys/life-cycle.ts'

const NOW = 2_000_000_000
const POLICY = { keyActiveSeconds: 30 * 86_400, keyStagedSeconds: 3600 }

const key = (alg: LivingKey['alg'], status: LivingKey['status'], ageSeconds: number): LivingKey => ({
  kid: `${alg}-${status}`,
  alg,
  status,
  since: NOW - ageSeconds,
})
const view = (keys: readonly LivingKey[], held: Readonly<Record<string, readonly string[]>> = {}): KeyView => ({
  now: NOW,
  keys,
  regions: Object.entries(held).map(([code, kids]) => ({ code, kids })),
})
const calm = key('RS256', 'active', 0)

t.test('a successor is staged so that it may sign when the time of the active key is up', async (t) => {
  const due = POLICY.keyActiveSeconds - POLICY.keyStagedSeconds
  const plan = (age: number) => dueTransitions(view([key('ES256', 'active', age), calm]), POLICY)
  t.strictSame(plan(due - 1), [])
  t.strictSame(plan(due), [{ kind: 'stage', alg: 'ES256' }])
  t.strictSame(plan(due + 86_400 * 400), [{ kind: 'stage', alg: 'ES256' }], 'also after a long sleep')
})

t.test('there is one successor at a time, for each algorithm of its own', async (t) => {
  const old = POLICY.keyActiveSeconds
  const keys = [key('ES256', 'active', old), key('ES256', 'staged', 10), key('RS256', 'active', old)]
  t.strictSame(dueTransitions(view(keys), POLICY), [{ kind: 'stage', alg: 'RS256' }])
  t.strictSame(stagings(view(keys), 'ES256'), [])
  t.strictSame(stagings(view(keys), 'RS256'), [{ kind: 'stage', alg: 'RS256' }])
})

t.test('a staged key signs when it was published long enough and every live region holds it', async (t) => {
  const plan = (age: number, held: Record<string, string[]>) =>
    activations(view([key('ES256', 'active', 0), key('ES256', 'staged', age)], held), POLICY, 'ES256').length
  const everybody = { in: ['ES256-active', 'ES256-staged'], us: ['ES256-staged'] }
  t.equal(plan(3600, everybody), 1)
  t.equal(plan(3599, everybody), 0, 'not before an hour, however many hold it')
  t.equal(plan(3600, { ...everybody, us: ['ES256-active'] }), 0, 'not while one region lacks it')
  t.equal(plan(3600, { ...everybody, us: [] }), 0, 'not while one region has said nothing')
  t.equal(plan(LONGEST_CACHE_SECONDS - 1, { ...everybody, us: [] }), 0)
  t.equal(plan(LONGEST_CACHE_SECONDS, { ...everybody, us: [] }), 1, 'but when no cache can lack it any more')
  t.equal(plan(3600, {}), 1, 'nor does it wait for regions where there is none')
  t.equal(plan(-3600, everybody), 0, 'a clock that went back makes it wait longer')
})

t.test('with a longer staging even the longest cache time does not shorten it', async (t) => {
  const policy = { ...POLICY, keyStagedSeconds: LONGEST_CACHE_SECONDS + 1 }
  const staged = key('ES256', 'staged', LONGEST_CACHE_SECONDS)
  t.equal(readinessOf(staged, view([staged], { in: [staged.kid] }), policy).isReady, false)
})

t.test('a retiring key goes when nothing that it signed can be taken any more', async (t) => {
  t.ok(RETIRING_SECONDS >= 60 + 900 + 30, 'the last signature, the longest token, the leeway')
  const plan = (age: number) => retirements(view([key('ES256', 'retiring', age)]), 'ES256')
  t.strictSame(plan(RETIRING_SECONDS - 1), [])
  t.strictSame(plan(RETIRING_SECONDS), [{ kind: 'retire', alg: 'ES256', kid: 'ES256-retiring' }])
})

t.test('a region that is late is named, and not before it is late', async (t) => {
  const late = (age: number, held: string[]) => {
    const staged = key('ES256', 'staged', age)
    const { isLate, missing } = readinessOf(staged, view([staged], { in: ['ES256-staged'], us: held }), POLICY)
    return [isLate, missing]
  }
  t.strictSame(late(3600 + 599, []), [false, ['us']])
  t.strictSame(late(3600 + 600, []), [true, ['us']])
  t.strictSame(late(3600 + 600, ['ES256-staged']), [false, []])
})

t.test('an emergency revokes every key of the algorithm and of no other, and makes a new one', async (t) => {
  const keys = [key('ES256', 'active', 9), key('ES256', 'staged', 9), key('ES256', 'retiring', 9), calm]
  t.strictSame(emergency(view(keys), 'ES256'), [
    { kind: 'revoke', alg: 'ES256', kid: 'ES256-active' },
    { kind: 'revoke', alg: 'ES256', kid: 'ES256-staged' },
    { kind: 'revoke', alg: 'ES256', kid: 'ES256-retiring' },
    { kind: 'replace', alg: 'ES256' },
  ])
})

t.test('over a year of minutes each key is published an hour before it signs and 16 minutes after', async (t) => {
  const policy = { ...POLICY, keyActiveSeconds: 5 * 86_400 }
  let now = NOW
  let made = 0
  const life = new Map<string, { staged: number; active?: number; retiring?: number; retired?: number }>()
  let keys: LivingKey[] = [{ kid: 'k0', alg: 'ES256', status: 'active', since: now }]
  for (; now < NOW + 365 * 86_400; now += 600) {
    const regions = [{ code: 'in', kids: keys.map(({ kid }) => kid) }]
    for (const step of dueTransitions({ now, keys, regions }, policy)) {
      if (step.kind === 'stage') {
        made += 1
        keys.push({ kid: `k${made}`, alg: step.alg, status: 'staged', since: now })
        life.set(`k${made}`, { staged: now })
      }
      if (step.kind === 'activate') {
        keys = keys.map((held) => {
          if (held.kid === step.kid) return { ...held, status: 'active', since: now }
          return held.status === 'active' ? { ...held, status: 'retiring', since: now } : held
        })
        Object.assign(life.get(step.kid) ?? {}, { active: now })
      }
      if (step.kind === 'retire') {
        keys = keys.filter(({ kid }) => kid !== step.kid)
        Object.assign(life.get(step.kid) ?? {}, { retired: now })
      }
    }
    if (keys.filter(({ status }) => status === 'active').length !== 1) t.fail('not one active key')
    if (keys.length > 3) t.fail('keys pile up')
  }
  t.ok(life.size > 60, `${life.size} successors`)
  for (const [kid, { staged, active, retiring, retired }] of life) {
    if (active !== undefined && active - staged < 3600) t.fail(`${kid} signed early`)
    if (retired !== undefined && retiring !== undefined && retired - retiring < 990) t.fail(`${kid} went early`)
  }
})
