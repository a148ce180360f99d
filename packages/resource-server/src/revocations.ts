// What has been revoked before its tokens expired, in memory: asked on every request, also for cached tokens.
// The change feed fills it (ARCHITECTURE §9); entries may come twice and in any order.
import { ACCESS_TOKEN_MAX_TTL_SECONDS } from '@meridian/protocol/access-token'
import type { MembershipId, OrgId, SessionId, UserId } from '@meridian/protocol/ids'
import type { VerifiedToken } from './verify-access-token.ts'

export type Revocation =
  | { kind: 'session'; sessionId: SessionId }
  /** Tokens that vouch for an older version than `version` are refused. */
  | { kind: 'membership'; membershipId: MembershipId; version: number }
  | {
      kind: 'organization'
      orgId: OrgId
      status: 'active' | 'maintenance' | 'suspended' | 'deleted'
      version: number
    }
  | { kind: 'key'; kid: string }
  /** Tokens issued at or before that instant are refused. */
  | { kind: 'user'; userId: UserId; issuedUntilSeconds: number }

export type RevocationVerdict = 'live' | 'revoked' | 'maintenance'

export interface Revocations {
  apply(revocation: Revocation): void
  /** Everything known so far is forgotten for this. */
  replaceAll(revocations: Iterable<Revocation>): void
  check(token: VerifiedToken): RevocationVerdict
}

/** Token lifetime and 1 h 5 min: after that no token is left that an entry could refuse. */
const KEEP_MS = (ACCESS_TOKEN_MAX_TTL_SECONDS + 3900) * 1000
const SWEEP_EVERY_MS = 60_000

interface Expiring<Value> {
  value: Value
  keptUntilMs: number
}

/** Sessions, memberships and users are forgotten when their tokens are gone; keys and organizations stay. */
class RevokedSet {
  readonly sessions = new Map<string, Expiring<true>>()
  readonly memberships = new Map<string, Expiring<number>>()
  readonly users = new Map<string, Expiring<number>>()
  readonly keys = new Set<string>()
  readonly organizations = new Map<string, { status: string; version: number }>()

  apply(revocation: Revocation, keptUntilMs: number): void {
    switch (revocation.kind) {
      case 'session':
        this.sessions.set(revocation.sessionId, { value: true, keptUntilMs })
        return
      case 'membership':
        raise(this.memberships, revocation.membershipId, revocation.version, keptUntilMs)
        return
      case 'user':
        raise(this.users, revocation.userId, revocation.issuedUntilSeconds, keptUntilMs)
        return
      case 'key':
        this.keys.add(revocation.kid)
        return
      case 'organization': {
        const known = this.organizations.get(revocation.orgId)
        if (known === undefined || known.version < revocation.version)
          this.organizations.set(revocation.orgId, revocation)
        return
      }
    }
  }

  check({ kid, claims }: VerifiedToken): RevocationVerdict {
    if (this.keys.has(kid) || this.sessions.has(claims.sid)) return 'revoked'
    if (claims.mv < (this.memberships.get(claims.mid)?.value ?? 0)) return 'revoked'
    if (claims.iat <= (this.users.get(claims.sub)?.value ?? 0)) return 'revoked'
    const status = this.organizations.get(claims.org_id)?.status ?? 'active'
    if (status === 'active') return 'live'
    return status === 'maintenance' ? 'maintenance' : 'revoked'
  }

  sweep(nowMs: number): void {
    for (const entries of [this.sessions, this.memberships, this.users]) {
      for (const [id, entry] of entries) if (entry.keptUntilMs <= nowMs) entries.delete(id)
    }
  }
}

export function createRevocations(nowMs: () => number): Revocations {
  let revoked = new RevokedSet()
  let sweptAtMs = nowMs()

  function apply(revocation: Revocation): void {
    const now = nowMs()
    if (now - sweptAtMs >= SWEEP_EVERY_MS) {
      revoked.sweep(now)
      sweptAtMs = now
    }
    revoked.apply(revocation, now + KEEP_MS)
  }

  function replaceAll(revocations: Iterable<Revocation>): void {
    const next = new RevokedSet()
    for (const revocation of revocations) next.apply(revocation, nowMs() + KEEP_MS)
    revoked = next
  }

  return { apply, replaceAll, check: (token) => revoked.check(token) }
}

function raise(entries: Map<string, Expiring<number>>, id: string, value: number, keptUntilMs: number): void {
  entries.set(id, { value: Math.max(value, entries.get(id)?.value ?? 0), keptUntilMs })
}
