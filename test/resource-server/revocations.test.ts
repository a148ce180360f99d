import { createRevocations, type Revocation } from '@meridian/resource-server/revocations'
import type { VerifiedToken } from '@meridian/resource-server/verify-access-token'
import fc from 'fast-check'
import t from 'tap'
import { idOf, makeClock, regionClaims } from './region-issuer.ts'

function setUp() {
  const clock = makeClock()
  const revocations = createRevocations(clock.nowMs)
  const token = (changes: Record<string, unknown> = {}, kid = 'k1') =>
    ({ kid, claims: regionClaims(clock.nowSeconds(), changes) }) as unknown as VerifiedToken
  const apply = (revocation: Record<string, unknown>) => revocations.apply(revocation as unknown as Revocation)
  return { clock, revocations, token, apply }
}

t.test('each kind refuses its own tokens and no others', async (t) => {
  const { revocations, token, apply, clock } = setUp()
  const now = clock.nowSeconds()
  t.equal(revocations.check(token()), 'live')

  apply({ kind: 'session', sessionId: idOf('stolen') })
  t.equal(revocations.check(token({ sid: idOf('stolen') })), 'revoked')
  apply({ kind: 'membership', membershipId: idOf('lin in acme'), version: 4 })
  t.equal(revocations.check(token({ mid: idOf('lin in acme'), mv: 3 })), 'revoked')
  t.equal(revocations.check(token({ mid: idOf('lin in acme'), mv: 4 })), 'live', 'a token of the new role')
  apply({ kind: 'user', userId: idOf('max'), issuedUntilSeconds: now })
  t.equal(revocations.check(token({ sub: idOf('max') })), 'revoked')
  t.equal(revocations.check(token({ sub: idOf('max'), iat: now + 1 })), 'live', 'enabled again, and signed in anew')
  apply({ kind: 'key', kid: 'leaked' })
  t.equal(revocations.check(token({}, 'leaked')), 'revoked')
  for (const status of ['suspended', 'deleted']) {
    apply({ kind: 'organization', orgId: idOf(status), status, version: 2 })
    t.equal(revocations.check(token({ org_id: idOf(status) })), 'revoked')
  }
  apply({ kind: 'organization', orgId: idOf('busy'), status: 'maintenance', version: 2 })
  t.equal(revocations.check(token({ org_id: idOf('busy') })), 'maintenance')
  apply({ kind: 'organization', orgId: idOf('busy'), status: 'active', version: 3 })
  t.equal(revocations.check(token({ org_id: idOf('busy') })), 'live')
  t.equal(revocations.check(token()), 'live', 'nobody else is touched')
})

t.test('duplicates, reorderings and replays end in the same state', async (t) => {
  const kinds = fc.oneof(
    fc.record({ kind: fc.constant('session'), sessionId: fc.constantFrom(idOf('s1'), idOf('s2')) }),
    fc.record({
      kind: fc.constant('membership'),
      membershipId: fc.constantFrom(idOf('m1'), idOf('m2')),
      version: fc.integer({ min: 1, max: 5 }),
    }),
    fc.integer({ min: 1, max: 5 }).map((version) => ({
      kind: 'organization',
      orgId: idOf('acme'),
      // A version has one state, as in the centre.
      status: ['active', 'suspended', 'maintenance', 'active', 'deleted'][version - 1],
      version,
    })),
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(kinds, { selector: (entry) => JSON.stringify(entry) }),
      fc.infiniteStream(fc.nat()),
      (entries, random) => {
        const once = setUp()
        const shuffled = setUp()
        for (const entry of entries) once.apply(entry)
        const replayed = [...entries, ...entries, ...entries]
        while (replayed.length > 0) {
          const [entry] = replayed.splice((random.next().value ?? 0) % replayed.length, 1)
          if (entry !== undefined) shuffled.apply(entry)
        }
        return ['s1', 's2'].every((sid) =>
          ['m1', 'm2'].every((mid) =>
            [1, 2, 3, 4, 5].every((mv) => {
              const token = once.token({ sid: idOf(sid), mid: idOf(mid), mv })
              return once.revocations.check(token) === shuffled.revocations.check(token)
            }),
          ),
        )
      },
    ),
  )
  t.pass('for every order')
})

t.test('what no token can meet any more is forgotten; keys and organizations are not', async (t) => {
  const { revocations, token, apply, clock } = setUp()
  apply({ kind: 'session', sessionId: idOf('stolen') })
  apply({ kind: 'key', kid: 'leaked' })
  apply({ kind: 'organization', orgId: idOf('acme'), status: 'suspended', version: 2 })
  clock.advanceSeconds(900 + 3899)
  apply({ kind: 'session', sessionId: idOf('another') })
  t.equal(revocations.check(token({ sid: idOf('stolen'), org_id: idOf('globex') })), 'revoked')
  clock.advanceSeconds(61)
  apply({ kind: 'session', sessionId: idOf('another') })
  t.equal(revocations.check(token({ sid: idOf('stolen'), org_id: idOf('globex') })), 'live')
  t.equal(revocations.check(token({ org_id: idOf('globex') }, 'leaked')), 'revoked')
  t.equal(revocations.check(token()), 'revoked')
})

t.test('replacing all replaces all', async (t) => {
  const { revocations, token, apply } = setUp()
  apply({ kind: 'session', sessionId: idOf('old') })
  revocations.replaceAll([{ kind: 'key', kid: 'leaked' }])
  t.equal(revocations.check(token({ sid: idOf('old') })), 'live')
  t.equal(revocations.check(token({}, 'leaked')), 'revoked')
})
