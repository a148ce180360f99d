import type { Revocation } from '@meridian/protocol/revocations'
import { createRevocations } from '@meridian/resource-server/revocations'
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
  const { revocations, token, apply } = setUp()
  t.equal(revocations.check(token()), 'live')

  apply({ kind: 'session', sid: idOf('stolen') })
  t.equal(revocations.check(token({ sid: idOf('stolen') })), 'revoked')
  apply({ kind: 'membership', mid: idOf('lin in acme'), version: 4 })
  t.equal(revocations.check(token({ mid: idOf('lin in acme'), mv: 3 })), 'revoked')
  t.equal(revocations.check(token({ mid: idOf('lin in acme'), mv: 4 })), 'live', 'a token of the new role')
  revocations.erase({ kind: 'user', userId: idOf('max') } as never)
  t.equal(revocations.check(token({ sub: idOf('max') })), 'revoked')
  revocations.erase({ kind: 'organization', orgId: idOf('initech') } as never)
  t.equal(revocations.check(token({ org_id: idOf('initech') })), 'revoked')
  apply({ kind: 'key', kid: 'leaked' })
  t.equal(revocations.check(token({}, 'leaked')), 'revoked')
  for (const status of ['suspended', 'deleted']) {
    apply({ kind: 'organization', org_id: idOf(status), status, version: 2 })
    t.equal(revocations.check(token({ org_id: idOf(status) })), 'revoked')
  }
  apply({ kind: 'organization', org_id: idOf('busy'), status: 'maintenance', version: 2 })
  t.equal(revocations.check(token({ org_id: idOf('busy') })), 'maintenance')
  apply({ kind: 'organization', org_id: idOf('busy'), status: 'active', version: 3 })
  t.equal(revocations.check(token({ org_id: idOf('busy') })), 'live')
  t.equal(revocations.check(token()), 'live', 'nobody else is touched')
})

t.test('duplicates, reorderings and replays end in the same state', async (t) => {
  const kinds = fc.oneof(
    fc.record({ kind: fc.constant('session'), sid: fc.constantFrom(idOf('s1'), idOf('s2')) }),
    fc.record({
      kind: fc.constant('membership'),
      mid: fc.constantFrom(idOf('m1'), idOf('m2')),
      version: fc.integer({ min: 1, max: 5 }),
    }),
    fc.integer({ min: 1, max: 5 }).map((version) => ({
      kind: 'organization',
      org_id: idOf('acme'),
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
  apply({ kind: 'session', sid: idOf('stolen') })
  apply({ kind: 'key', kid: 'leaked' })
  apply({ kind: 'organization', org_id: idOf('acme'), status: 'suspended', version: 2 })
  clock.advanceSeconds(900 + 3899)
  apply({ kind: 'session', sid: idOf('another') })
  t.equal(revocations.check(token({ sid: idOf('stolen'), org_id: idOf('globex') })), 'revoked')
  clock.advanceSeconds(61)
  apply({ kind: 'session', sid: idOf('another') })
  t.equal(revocations.check(token({ sid: idOf('stolen'), org_id: idOf('globex') })), 'live')
  t.equal(revocations.check(token({ org_id: idOf('globex') }, 'leaked')), 'revoked')
  t.equal(revocations.check(token()), 'revoked')
})

t.test('an open organization is forgotten once no older entry can come', async (t) => {
  const { revocations, token, apply, clock } = setUp()
  apply({ kind: 'organization', org_id: idOf('acme'), status: 'active', version: 3 })
  apply({ kind: 'organization', org_id: idOf('acme'), status: 'suspended', version: 2 })
  t.equal(revocations.check(token()), 'live', 'an older state changes nothing')
  clock.advanceSeconds(900 + 3900)
  apply({ kind: 'session', sid: idOf('another') })
  apply({ kind: 'organization', org_id: idOf('acme'), status: 'suspended', version: 2 })
  t.equal(revocations.check(token()), 'revoked')
})

t.test('a full answer replaces what has versions, and brings back nothing that is over', async (t) => {
  const { revocations, token, apply } = setUp()
  apply({ kind: 'session', sid: idOf('stolen') })
  apply({ kind: 'key', kid: 'leaked' })
  apply({ kind: 'membership', mid: idOf('lin in acme'), version: 9 })
  apply({ kind: 'organization', org_id: idOf('globex'), status: 'suspended', version: 9 })
  apply({ kind: 'organization', org_id: idOf('acme'), status: 'suspended', version: 9 })
  revocations.erase({ kind: 'user', userId: idOf('max') } as never)
  const acme = { kind: 'organization', org_id: idOf('acme'), status: 'maintenance', version: 2 }
  revocations.replace([acme, { kind: 'session', sid: idOf('new') }] as never)
  t.equal(revocations.check(token()), 'maintenance', 'an older version, of a centre that was restored')
  const elsewhere = { org_id: idOf('globex') }
  t.equal(revocations.check(token({ ...elsewhere, mid: idOf('lin in acme'), mv: 3 })), 'live')
  for (const over of [{ sid: idOf('stolen') }, { sid: idOf('new') }, { sub: idOf('max') }])
    t.equal(revocations.check(token({ ...elsewhere, ...over })), 'revoked')
  t.equal(revocations.check(token(elsewhere, 'leaked')), 'revoked')
})
