// What has been revoked before its tokens expired, in memory: asked on every request, also for cached tokens.
// The revocation lane fills it (revocation-follower.ts); entries may come twice and in any order.
import type { MembershipId, OrgId, SessionId, UserId } from '@meridian/protocol/ids'
import type { OrgStatus } from '@meridian/protocol/orgs'
import { REVOCATION_KEPT_SECONDS, type Revocation } from '@meridian/protocol/revocations'
import type { VerifiedToken } from './verify-access-token.ts'

/** Of whom nothing is left here: whatever a token says, they are not let in again. */
export type Erased = { kind: 'user'; userId: UserId } | { kind: 'organization'; orgId: OrgId }

export type RevocationVerdict = 'live' | 'revoked' | 'maintenance'

export interface Revocations {
  apply(revocation: Revocation): void
  /**
   * This is everything: memberships and organizations that it does not name are open, and versions may be older than
   * known ones (the centre was restored). What has no version stays over: sessions, keys.
   */
  replace(revocations: Iterable<Revocation>): void
  /** For good. */
  erase(erased: Erased): void
  check(token: VerifiedToken): RevocationVerdict
}

const KEEP_MS = REVOCATION_KEPT_SECONDS * 1000
const SWEEP_EVERY_MS = 60_000

interface Expiring<Value> {
  value: Value
  keptUntilMs: number
}

type OrganizationState = { status: OrgStatus; version: number }

/** What has a version. An open organization is remembered for as long as an older entry may still come. */
class VersionedStates {
  readonly memberships = new Map<MembershipId, Expiring<number>>()
  readonly organizations = new Map<OrgId, Expiring<OrganizationState>>()

  raiseMembership(id: MembershipId, version: number, keptUntilMs: number): void {
    const value = Math.max(version, this.memberships.get(id)?.value ?? 0)
    this.memberships.set(id, { value, keptUntilMs })
  }

  changeOrganization(id: OrgId, { status, version }: OrganizationState, keptUntilMs: number): void {
    const known = this.organizations.get(id)
    if (known === undefined || known.value.version < version)
      this.organizations.set(id, { value: { status, version }, keptUntilMs })
  }

  sweep(nowMs: number): void {
    for (const [id, entry] of this.memberships) if (entry.keptUntilMs <= nowMs) this.memberships.delete(id)
    for (const [id, entry] of this.organizations) {
      if (entry.value.status === 'active' && entry.keptUntilMs <= nowMs) this.organizations.delete(id)
    }
  }
}

export function createRevocations(nowMs: () => number): Revocations {
  const sessions = new Map<SessionId, Expiring<true>>()
  const keys = new Set<string>()
  const erased = new Set<UserId | OrgId>()
  let states = new VersionedStates()
  let sweptAtMs = nowMs()

  function enter(into: VersionedStates, revocation: Revocation): void {
    const keptUntilMs = nowMs() + KEEP_MS
    switch (revocation.kind) {
      case 'session':
        sessions.set(revocation.sid, { value: true, keptUntilMs })
        return
      case 'key':
        keys.add(revocation.kid)
        return
      case 'membership':
        into.raiseMembership(revocation.mid, revocation.version, keptUntilMs)
        return
      case 'organization':
        into.changeOrganization(revocation.org_id, revocation, keptUntilMs)
        return
    }
  }

  function sweep(): void {
    const now = nowMs()
    if (now - sweptAtMs < SWEEP_EVERY_MS) return
    for (const [id, entry] of sessions) if (entry.keptUntilMs <= now) sessions.delete(id)
    states.sweep(now)
    sweptAtMs = now
  }

  function check({ kid, claims }: VerifiedToken): RevocationVerdict {
    if (keys.has(kid) || sessions.has(claims.sid)) return 'revoked'
    if (erased.has(claims.sub) || erased.has(claims.org_id)) return 'revoked'
    if (claims.mv < (states.memberships.get(claims.mid)?.value ?? 0)) return 'revoked'
    const status = states.organizations.get(claims.org_id)?.value.status ?? 'active'
    if (status === 'active') return 'live'
    return status === 'maintenance' ? 'maintenance' : 'revoked'
  }

  return {
    apply: (revocation) => {
      sweep()
      enter(states, revocation)
    },
    replace: (revocations) => {
      const next = new VersionedStates()
      for (const revocation of revocations) enter(next, revocation)
      states = next
    },
    erase: (subject) => {
      erased.add(subject.kind === 'user' ? subject.userId : subject.orgId)
    },
    check,
  }
}
