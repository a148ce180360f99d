// Lets a request in or not: target, host, bearer, token, organization, revocation, membership, guard, module, freshness,
// in this order.
// Any failure on the way that is not itself a refusal is answered 503: nothing is let in by accident.
import type { IncomingMessage } from 'node:http'
import type { RegionTokenClaims } from '@meridian/protocol/access-token'
import type { MembershipId, OrgId, RegionCode, SessionId, UserId } from '@meridian/protocol/ids'
import type { Role } from '@meridian/protocol/roles'
import { AdmissionRefusal } from './admission-refusal.ts'
import { authorize, type RouteGuard } from './guard.ts'
import type { HostResolution, TenantHosts } from './host-map.ts'
import type { KeyRing } from './key-ring.ts'
import { refuseMovedHost } from './moved-host.ts'
import type { RevocationFollower } from './revocation-follower.ts'
import type { Revocations } from './revocations.ts'
import { createTokenCache } from './token-cache.ts'
import {
  type TokenExpectations,
  type TokenVerdict,
  type VerifiedToken,
  verifyAccessToken,
} from './verify-access-token.ts'

export interface RequestContext {
  /** Support access has no member: this is the support grant's id then. */
  userId: UserId
  /** Support access: the sys-admin who acts (RFC 8693 §4.1). Null where the user acts for themselves. */
  actorId: UserId | null
  orgId: OrgId
  region: RegionCode
  role: Role
  sessionId: SessionId
  clientId: string
  membershipId: MembershipId
  scope: readonly string[]
}

/** What the region's copy of the directory knows, if it keeps one. Answers at once where it can. */
export interface KnownMembers {
  /** `over`: removed, or changed since this token was made. */
  check(claims: RegionTokenClaims): MembershipVerdict | Promise<MembershipVerdict>
}
export type MembershipVerdict = 'live' | 'over'

export interface KnownModules {
  has(orgId: OrgId, module: string): boolean | Promise<boolean>
}

/** Counts what an organization asks of this region; not told of who is none of its members (any more). */
export interface Meter {
  count(orgId: OrgId, outcome: 'admitted' | 'refused'): void
}

export interface AdmissionOptions {
  expectations: TokenExpectations
  keys: Pick<KeyRing, 'find' | 'discover' | 'ready'>
  hosts: Pick<TenantHosts, 'resolve'>
  revocations: Pick<Revocations, 'check'>
  /** Without it, a membership is what its token says until the revocation lane says otherwise. */
  members?: KnownMembers
  /** Without it, routes that ask for a module are closed. */
  modules?: KnownModules
  /** How old what is known of revocations is. Without it, routes that ask for `fresh` are closed. */
  freshness?: Pick<RevocationFollower, 'staleSeconds'>
  /** How old what is known of the directory is. Without it, routes that ask for `fresh` and a module are closed. */
  directoryFreshness?: { staleSeconds(): number }
  meter?: Meter
  nowMs: () => number
  /** How many verified tokens each of the cache's two generations holds. */
  cachedTokensMax: number
}

/** What is read of a request; `host` and `protocol` as the server reads them, behind a trusted proxy too. */
export interface IncomingRequest {
  host: string
  protocol: string
  raw: IncomingMessage
}

export type Admit = (request: IncomingRequest, guard: Exclude<RouteGuard, 'public'>) => Promise<RequestContext>

/** Of what is known, where a route must not act on less. */
const STALE_MAX_SECONDS = 60
const MAINTENANCE = { headers: { 'retry-after': '30' } }

export function createAdmission(options: AdmissionOptions): Admit {
  const cache = createTokenCache(options.cachedTokensMax)

  async function admit(request: IncomingRequest, guard: Exclude<RouteGuard, 'public'>): Promise<RequestContext> {
    refuseAmbiguousTarget(request.raw)
    const host = options.hosts.resolve(request.host)
    refuseForeignHost(host)
    refuseMovedHost(host, request)
    const bearer = readBearer(request.raw)
    const token = cache.find(bearer, nowSeconds()) ?? (await verify(bearer))
    await refuseOutsider(token, host)
    const context = contextOf(token.claims)
    try {
      await refuseUnmet(context, guard)
      options.meter?.count(context.orgId, 'admitted')
      return context
    } catch (error) {
      options.meter?.count(context.orgId, 'refused')
      throw error
    }
  }

  async function refuseOutsider(token: VerifiedToken, host: HostResolution): Promise<void> {
    if (host.kind === 'tenant' && host.orgId !== token.claims.org_id) {
      throw new AdmissionRefusal('tenant_mismatch', 'the host belongs to another organization')
    }
    refuseRevoked(token)
    refuseClosed(host)
    await refuseFormerMember(token)
  }

  async function refuseUnmet(context: RequestContext, guard: Exclude<RouteGuard, 'public'>): Promise<void> {
    authorize(context, guard)
    await refuseMissingModule(context, guard)
    refuseStale(guard)
  }

  async function verify(bearer: string): Promise<VerifiedToken> {
    let verdict = judge(bearer)
    if (verdict.outcome === 'unknown_key') {
      await options.keys.discover(verdict.kid)
      verdict = judge(bearer)
    }
    if (verdict.outcome === 'verified') {
      cache.add(bearer, verdict.token)
      return verdict.token
    }
    // Without any key a good token cannot be told from a bad one, and a refusal would sign people out.
    if (verdict.outcome === 'unknown_key' && !options.keys.ready()) {
      throw new AdmissionRefusal('temporarily_unavailable', 'no verification key yet')
    }
    throw refusalOf(verdict)
  }

  function judge(bearer: string): TokenVerdict {
    return verifyAccessToken(bearer, options.keys.find, options.expectations, nowSeconds())
  }

  function refuseRevoked(token: VerifiedToken): void {
    const verdict = options.revocations.check(token)
    if (verdict === 'live') return
    if (verdict === 'maintenance')
      throw new AdmissionRefusal('tenant_maintenance', 'the organization is in maintenance', MAINTENANCE)
    throw new AdmissionRefusal('invalid_token', 'revoked')
  }

  /** Support access has no member. */
  async function refuseFormerMember({ claims }: VerifiedToken): Promise<void> {
    if (options.members === undefined || claims.act !== undefined) return
    if ((await options.members.check(claims)) !== 'live')
      throw new AdmissionRefusal('invalid_token', 'no such membership any more')
  }

  async function refuseMissingModule({ orgId }: RequestContext, guard: Exclude<RouteGuard, 'public'>): Promise<void> {
    if (guard === 'authenticated' || guard.module === undefined) return
    const { module } = guard
    if ((await options.modules?.has(orgId, module)) !== true)
      throw new AdmissionRefusal('access_denied', `module ${module} is missing`, { members: { module } })
  }

  function refuseStale(guard: Exclude<RouteGuard, 'public'>): void {
    if (guard === 'authenticated' || guard.fresh !== true) return
    refuseOld(options.freshness, 'revocations')
    if (guard.module !== undefined) refuseOld(options.directoryFreshness, 'modules')
  }

  function nowSeconds(): number {
    return Math.floor(options.nowMs() / 1000)
  }

  return admit
}

function refusalOf(verdict: Exclude<TokenVerdict, { outcome: 'verified' }>): AdmissionRefusal {
  if (verdict.outcome === 'wrong_region') {
    return new AdmissionRefusal('wrong_region', 'another region', { members: { api_url: verdict.apiUrl } })
  }
  return new AdmissionRefusal('invalid_token', verdict.outcome === 'refused' ? verdict.reason : verdict.outcome)
}

function refuseOld(news: { staleSeconds(): number } | undefined, what: string): void {
  // Written so that no number at all closes, too.
  if (!((news?.staleSeconds() ?? Number.POSITIVE_INFINITY) <= STALE_MAX_SECONDS))
    throw new AdmissionRefusal('temporarily_unavailable', `what is known of ${what} is too old`)
}

/** One Host, and an absolute-form target (RFC 9112 §3.2.2) only where it names that same host. */
function refuseAmbiguousTarget(raw: IncomingMessage): void {
  if (countHeader(raw, 'host') > 1) throw new AdmissionRefusal('invalid_request', 'more than one Host')
  const target = raw.url ?? ''
  if (target.startsWith('/') || target === '*') return
  const authority = URL.parse(target)?.host.toLowerCase()
  if (authority !== raw.headers.host?.toLowerCase()) {
    throw new AdmissionRefusal('invalid_request', 'the target is for another host')
  }
}

function refuseForeignHost(host: HostResolution): void {
  if (host.kind === 'unknown') throw new AdmissionRefusal('unknown_host', 'no such host')
  if (host.kind === 'unavailable')
    throw new AdmissionRefusal('temporarily_unavailable', 'the host map is missing or old')
}

/** The map says so too, for a region that missed it elsewhere. */
function refuseClosed(host: HostResolution): void {
  if (host.kind === 'tenant' && host.status === 'maintenance')
    throw new AdmissionRefusal('tenant_maintenance', 'the organization of the host is in maintenance', MAINTENANCE)
}

/** RFC 6750 §2.1, and no other way to send a token. */
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i

function readBearer(raw: IncomingMessage): string {
  const header = raw.headers.authorization
  if (header === undefined || !/^bearer(?:[ \t]|$)/i.test(header)) {
    throw new AdmissionRefusal('missing_token', 'no bearer token')
  }
  const token = BEARER.exec(header)?.[1]
  if (token === undefined) throw new AdmissionRefusal('invalid_token', 'not a bearer token')
  if (countHeader(raw, 'authorization') > 1) throw new AdmissionRefusal('invalid_token', 'more than one Authorization')
  return token
}

/** Node keeps the first of several and says nothing. */
function countHeader(raw: IncomingMessage, name: string): number {
  let count = 0
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const header = raw.rawHeaders[index]
    if (header?.length === name.length && header.toLowerCase() === name) count += 1
  }
  return count
}

function contextOf(claims: RegionTokenClaims): RequestContext {
  return {
    userId: claims.sub,
    actorId: claims.act?.sub ?? null,
    orgId: claims.org_id,
    region: claims.region,
    role: claims.role,
    sessionId: claims.sid,
    clientId: claims.client_id,
    membershipId: claims.mid,
    scope: claims.scope.split(' ').filter((token) => token !== ''),
  }
}
