// Following the revocation lane: refused at once, kept with its place, and never taken back by a restart, a failure or
// an entry that nobody understands.
import type { Revocation } from '@meridian/protocol/revocations'
import {
  createRevocationFollower,
  type RevocationNews,
  type StoredRevocations,
} from '@meridian/resource-server/revocation-follower'
import { createRevocations } from '@meridian/resource-server/revocations'
import type { VerifiedToken } from '@meridian/resource-server/verify-access-token'
import t from 'tap'
import { idOf, makeClock, regionClaims } from './region-issuer.ts'

type Page = { full?: boolean; begins?: boolean; more?: boolean; revocations?: unknown[]; cursor: string }
const session = (name: string) => ({ kind: 'session', sid: idOf(name) })
const suspended = (org: string, version: number) => ({
  kind: 'organization',
  org_id: idOf(org),
  status: 'suspended',
  version,
})

function setUp(stored: StoredRevocations = { revocations: [], cursor: null }) {
  const clock = makeClock()
  const revocations = createRevocations(clock.nowMs)
  const pages: (Page | Error)[] = []
  const asked: (string | null)[] = []
  const saved: RevocationNews[] = []
  const log: string[] = []
  const delays: number[] = []
  const faults = { load: false, save: false }
  const write = (details: object, message: string) => void log.push(`${message} ${JSON.stringify(details)}`)
  const follower = createRevocationFollower({
    loadPage: async (after) => {
      asked.push(after)
      const page = pages.shift() ?? { cursor: after ?? 'c0' }
      if (page instanceof Error) throw page
      return { full: false, begins: true, more: false, revocations: [], ...page }
    },
    store: {
      load: async () => {
        if (faults.load) throw new Error('the database is away')
        return stored
      },
      save: async (news) => {
        if (faults.save) throw new Error('the database is away')
        saved.push(news)
      },
    },
    revocations,
    nowMs: clock.nowMs,
    random: () => 0,
    schedule: (_work, delayMs) => {
      delays.push(delayMs)
      return () => {}
    },
    log: { info: write, warn: write, error: write },
  })
  const verdict = (changes: Record<string, unknown> = {}) =>
    revocations.check({ kid: 'k1', claims: regionClaims(clock.nowSeconds(), changes) } as unknown as VerifiedToken)
  return { clock, follower, revocations, pages, asked, saved, log, delays, faults, verdict }
}

t.test('what was stored is refused from the start, and the lane is followed from there', async (t) => {
  const stored = { revocations: [session('stolen') as Revocation], cursor: 'c7' }
  const { follower, asked, verdict } = setUp(stored)
  await follower.start()
  t.equal(verdict({ sid: idOf('stolen') }), 'revoked')
  await follower.refresh()
  t.strictSame(asked, ['c7'])
})

t.test('what was stored and cannot be read stops the start', async (t) => {
  const { follower, faults, asked } = setUp()
  faults.load = true
  await t.rejects(follower.start(), /database is away/)
  t.strictSame(asked, [])
})

t.test('news is refused at once, stored with its place, and asked for no more', async (t) => {
  const { follower, pages, asked, saved, verdict } = setUp()
  pages.push({ full: true, cursor: 'c1' }, { revocations: [session('stolen')], cursor: 'c2' })
  await follower.refresh()
  await follower.refresh()
  t.equal(verdict({ sid: idOf('stolen') }), 'revoked')
  t.strictSame(saved, [
    { revocations: [], replaces: true, cursor: 'c1' },
    { revocations: [session('stolen')], replaces: false, cursor: 'c2' },
  ])
  await follower.refresh()
  t.strictSame(asked, [null, 'c1', 'c2'])
})

t.test('what could not be stored is refused all the same, and comes again', async (t) => {
  const { follower, pages, asked, saved, faults, verdict } = setUp({ revocations: [], cursor: 'c1' })
  await follower.start()
  await follower.refresh()
  faults.save = true
  pages.push({ revocations: [session('stolen')], cursor: 'c2' })
  await follower.refresh()
  t.equal(verdict({ sid: idOf('stolen') }), 'revoked')
  t.equal(follower.staleSeconds(), 0, 'and is known')
  faults.save = false
  pages.push({ revocations: [session('stolen')], cursor: 'c2' })
  await follower.refresh()
  t.strictSame(asked.slice(1), ['c1', 'c1'], 'the place is not passed before it is stored')
  t.strictSame(saved.at(-1), { revocations: [session('stolen')], replaces: false, cursor: 'c2' })
})

t.test('everything comes in pages, is refused page by page, and replaces at the end', async (t) => {
  const { follower, pages, saved, verdict } = setUp()
  pages.push(
    { revocations: [suspended('globex', 9)], cursor: 'old' },
    { full: true, more: true, revocations: [suspended('acme', 2)], cursor: 'p1' },
  )
  await follower.refresh()
  await follower.refresh()
  t.equal(verdict(), 'revoked', 'before all of it is there')
  t.equal(verdict({ org_id: idOf('globex') }), 'revoked', 'nor is anything open before')
  t.equal(saved.length, 1, 'and in part it is not stored')
  pages.push({ full: true, begins: false, revocations: [session('stolen')], cursor: 'p2' })
  await follower.refresh()
  t.equal(verdict({ org_id: idOf('globex') }), 'live', 'what it does not name is open')
  t.equal(verdict(), 'revoked')
  t.strictSame(saved.at(-1), {
    revocations: [suspended('acme', 2), session('stolen')],
    replaces: true,
    cursor: 'p2',
  })
})

t.test('what comes again because it could not be stored is kept once', async (t) => {
  const { follower, pages, saved, faults } = setUp()
  pages.push({ full: true, more: true, revocations: [suspended('acme', 2)], cursor: 'p1' })
  await follower.refresh()
  for (const isAway of [true, true, false]) {
    faults.save = isAway
    pages.push({ full: true, begins: false, revocations: [session('stolen')], cursor: 'p2' })
    await follower.refresh()
  }
  t.strictSame(saved.at(-1)?.revocations, [suspended('acme', 2), session('stolen')])
})

t.test('an answer that begins anew forgets the one that it interrupts', async (t) => {
  const { follower, pages, saved, verdict } = setUp()
  pages.push({ full: true, more: true, revocations: [suspended('acme', 5)], cursor: 'p1' })
  pages.push({ full: true, more: true, revocations: [], cursor: 'q1' })
  pages.push({ full: true, begins: false, revocations: [], cursor: 'q2' })
  for (const _ of [1, 2, 3]) await follower.refresh()
  t.equal(verdict(), 'live')
  t.strictSame(saved, [{ revocations: [], replaces: true, cursor: 'q2' }])
})

t.test('an entry that is not understood is passed over, loudly, and the rest is applied', async (t) => {
  const { follower, pages, saved, log, verdict } = setUp()
  const unknown = [{ kind: 'planet', name: 'mars' }, { kind: 'session', sid: 'no id' }, 'text', null]
  pages.push({ revocations: [...unknown, session('stolen')], cursor: 'c1' })
  await follower.refresh()
  t.equal(verdict({ sid: idOf('stolen') }), 'revoked')
  t.strictSame(saved.at(-1)?.revocations, [session('stolen')])
  t.match(log.join('\n'), /not known here.*planet/)
  t.notMatch(log.join('\n'), 'mars')
})

t.test('how old the news is counts from the last answer that left nothing open', async (t) => {
  const { follower, pages, clock } = setUp()
  t.equal(follower.staleSeconds(), Number.POSITIVE_INFINITY, 'before the first')
  pages.push({ full: true, more: true, cursor: 'p1' })
  await follower.refresh()
  t.equal(follower.staleSeconds(), Number.POSITIVE_INFINITY, 'with more to come')
  pages.push({ full: true, begins: false, cursor: 'p2' })
  await follower.refresh()
  t.equal(follower.staleSeconds(), 0)
  clock.advanceSeconds(61)
  pages.push(new Error('the centre is away'))
  await follower.refresh()
  t.equal(follower.staleSeconds(), 61)
  clock.advanceSeconds(-3600)
  t.ok(follower.staleSeconds() > 60, 'a clock that is set back makes it no younger')
  await follower.refresh()
  t.equal(follower.staleSeconds(), 0)
})

t.test('it comes back within seconds, says so once a minute, and never asks without a pause', async (t) => {
  const { follower, pages, clock, log, delays } = setUp()
  for (let failure = 0; failure < 8; failure += 1) {
    pages.push(new Error('away'))
    await follower.refresh()
  }
  t.strictSame(delays, [125, 250, 500, 1000, 2000, 2000, 2000, 2000], 'half to all of it, by chance')
  t.equal(log.length, 1)
  clock.advanceSeconds(60)
  pages.push(new Error('away'))
  await follower.refresh()
  t.equal(log.length, 2)
  await follower.refresh()
  t.match(log.at(-1), /followed again/)
  t.ok((delays.at(-1) ?? 0) >= 900, 'where the centre does not wait')
  pages.push({ revocations: [session('x')], cursor: 'c1' }, { more: true, cursor: 'c2' })
  await follower.refresh()
  t.ok((delays.at(-1) ?? 0) > 0)
  await follower.refresh()
  t.equal(delays.at(-1), 0, 'but for the rest of what is there')
})
