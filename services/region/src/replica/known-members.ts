// Whether a token's membership is still what it says, by what the change feed has told: the revocation lane usually says
// so first. Whom the feed has not told of yet is taken from their token for the time being (just-in-time); the feed
// confirms them, or they are dropped a minute after it has caught up.
import type { RegionTokenClaims } from '@meridian/protocol/access-token'
import type { MembershipId } from '@meridian/protocol/ids'
import type { KnownMembers, MembershipVerdict } from '@meridian/resource-server/admission'
import { findMembershipFact, type MembershipFact, takeProvisionally } from '../store/memberships.ts'
import type { RegionDatabase } from '../store/open-store.ts'
import { createAppliedFacts } from './applied-facts.ts'
import type { NewsListener } from './follow-news.ts'

const FACTS_MAX = 20_000

type Claims = Pick<RegionTokenClaims, 'mid' | 'mv' | 'sub' | 'org_id' | 'role' | 'iat'>

export function createKnownMembers(options: {
  readonly database: RegionDatabase
  readonly nowMs: () => number
}): KnownMembers & NewsListener {
  const { database, nowMs } = options
  const lookUp = (id: MembershipId) => findMembershipFact(database, id)
  const facts = createAppliedFacts<MembershipId, MembershipFact>({ lookUp, factsMax: FACTS_MAX, nowMs })

  async function ask(claims: RegionTokenClaims): Promise<MembershipVerdict> {
    const verdict = judgeMember(claims, await facts.get(claims.mid))
    if (verdict !== 'unknown') return verdict
    const member = {
      id: claims.mid,
      orgId: claims.org_id,
      userId: claims.sub,
      role: claims.role,
      version: claims.mv,
      issuedAtMs: claims.iat * 1000,
    }
    await takeProvisionally(database, member, nowMs())
    facts.forget([claims.mid], 0)
    // The feed, or another request of theirs, may have been quicker.
    return judgeMember(claims, await facts.get(claims.mid)) === 'live' ? 'live' : 'over'
  }

  return {
    check: (claims) => {
      const fact = facts.find(claims.mid)
      const verdict = fact === undefined ? 'unknown' : judgeMember(claims, fact)
      return verdict === 'unknown' ? ask(claims) : verdict
    },
    onNews: ({ memberships, applied }) => facts.forget(memberships as Iterable<MembershipId>, applied),
    onMissed: facts.forgetAll,
  }
}

/** `unknown`: not told of yet, or no more than an older token has. */
export function judgeMember(claims: Claims, fact: MembershipFact): MembershipVerdict | 'unknown' {
  if (fact.kind === 'unknown') return 'unknown'
  if (fact.kind === 'gone') return 'over'
  if (fact.userId !== claims.sub || fact.orgId !== claims.org_id || claims.mv < fact.version) return 'over'
  if (fact.kind === 'held') return claims.mv === fact.version && fact.status === 'suspended' ? 'over' : 'live'
  if (claims.iat * 1000 > fact.issuedAtMs) return fact.isDropped || claims.mv > fact.version ? 'unknown' : 'live'
  return fact.isDropped ? 'over' : 'live'
}
