// The life of a signing key: staged → active → retiring → retired. What may happen when, as pure rules on the
// database's clock; rotate-keys.ts carries it out. Why the times are these: infra/decisions/0010. NIST SP 800-57 §5.3.
import { ACCESS_TOKEN_MAX_TTL_SECONDS } from '@meridian/protocol/access-token'

export type SigningAlgorithm = 'ES256' | 'RS256'
export const ALGORITHMS = ['ES256', 'RS256'] as const satisfies readonly SigningAlgorithm[]

/** What the JWKS is sent with: RFC 9111 §5.2.2.1, RFC 5861 §4. */
export const JWKS_MAX_AGE_SECONDS = 300
export const JWKS_STALE_IF_ERROR_SECONDS = 86_400
/** No cache gives out a JWKS that is older than this. */
export const LONGEST_CACHE_SECONDS = JWKS_MAX_AGE_SECONDS + JWKS_STALE_IF_ERROR_SECONDS

/** A process whose keys were last confirmed longer ago than this signs nothing. */
export const SIGNING_CONFIRMED_SECONDS = 60
/** And shows no JWKS after this: half of the shortest staging, so that it never lacks a key that is in use. */
export const PUBLISHING_CONFIRMED_SECONDS = 1800

const LEEWAY_MAX_SECONDS = 60
/** From the last key's turn until no token that it signed is taken any more, and one cache time on top. */
export const RETIRING_SECONDS =
  SIGNING_CONFIRMED_SECONDS + ACCESS_TOKEN_MAX_TTL_SECONDS + LEEWAY_MAX_SECONDS + JWKS_MAX_AGE_SECONDS

/** A region reports what it holds at least every five minutes; beyond two such times it is late. */
const REPORT_LATE_SECONDS = 600

/** A key that is not retired; `since` is when it got its status, in seconds of the database's clock. */
export type LivingKey = {
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly status: 'staged' | 'active' | 'retiring'
  readonly since: number
}

/** A live region (it is active and has a client of its own), and the keys that it says it holds. */
export type RegionKeys = { readonly code: string; readonly kids: readonly string[] }

export type KeyView = {
  readonly now: number
  readonly keys: readonly LivingKey[]
  readonly regions: readonly RegionKeys[]
}

export type KeyPolicy = { readonly keyActiveSeconds: number; readonly keyStagedSeconds: number }

export type Transition =
  | { readonly kind: 'stage'; readonly alg: SigningAlgorithm }
  | { readonly kind: 'activate'; readonly alg: SigningAlgorithm; readonly kid: string }
  | { readonly kind: 'retire'; readonly alg: SigningAlgorithm; readonly kid: string }
  | { readonly kind: 'revoke'; readonly alg: SigningAlgorithm; readonly kid: string }
  | { readonly kind: 'replace'; readonly alg: SigningAlgorithm }

export type Readiness = {
  readonly isReady: boolean
  /** Seconds that the staging still lacks, whatever the regions say. */
  readonly stagingLeftSeconds: number
  /** Regions that have not said that they hold it. */
  readonly missing: readonly string[]
  /** It waits for a region for longer than reports take. */
  readonly isLate: boolean
}

/** Whether a staged key may sign: staged long enough, and every live region holds it or no cache can lack it. */
export function readinessOf(key: LivingKey, view: KeyView, policy: KeyPolicy): Readiness {
  const stagedSeconds = view.now - key.since
  const missing = view.regions.filter(({ kids }) => !kids.includes(key.kid)).map(({ code }) => code)
  const isStagedEnough = stagedSeconds >= policy.keyStagedSeconds
  const isHeld = missing.length === 0 || stagedSeconds >= LONGEST_CACHE_SECONDS
  return {
    isReady: isStagedEnough && isHeld,
    stagingLeftSeconds: Math.max(0, policy.keyStagedSeconds - stagedSeconds),
    missing,
    isLate: missing.length > 0 && stagedSeconds >= policy.keyStagedSeconds + REPORT_LATE_SECONDS,
  }
}

/** Seconds until a retiring key may go. */
export function retiringLeftSeconds(key: LivingKey, view: KeyView): number {
  return Math.max(0, RETIRING_SECONDS - (view.now - key.since))
}

/** What the schedule does now. Each algorithm has a succession of its own. */
export function dueTransitions(view: KeyView, policy: KeyPolicy): readonly Transition[] {
  return ALGORITHMS.flatMap((alg) => [
    ...retirements(view, alg),
    ...activations(view, policy, alg),
    ...(isSuccessorDue(view, policy, alg) ? stagings(view, alg) : []),
  ])
}

/** A successor, unless there is one. */
export function stagings(view: KeyView, alg: SigningAlgorithm): readonly Transition[] {
  return view.keys.some((key) => key.alg === alg && key.status === 'staged') ? [] : [{ kind: 'stage', alg }]
}

export function activations(view: KeyView, policy: KeyPolicy, alg: SigningAlgorithm): readonly Transition[] {
  return keysOf(view, alg, 'staged')
    .filter((key) => readinessOf(key, view, policy).isReady)
    .map(({ kid }) => ({ kind: 'activate', alg, kid }))
}

export function retirements(view: KeyView, alg: SigningAlgorithm): readonly Transition[] {
  return keysOf(view, alg, 'retiring')
    .filter((key) => retiringLeftSeconds(key, view) === 0)
    .map(({ kid }) => ({ kind: 'retire', alg, kid }))
}

/** Whoever has one private key may have them all: every key of the algorithm goes, and a new one signs at once. */
export function emergency(view: KeyView, alg: SigningAlgorithm): readonly Transition[] {
  const revoked = view.keys.filter((key) => key.alg === alg)
  return [...revoked.map(({ kid }): Transition => ({ kind: 'revoke', alg, kid })), { kind: 'replace', alg }]
}

export function keysOf(view: KeyView, alg: SigningAlgorithm, status: LivingKey['status']): readonly LivingKey[] {
  return view.keys.filter((key) => key.alg === alg && key.status === status)
}

function isSuccessorDue(view: KeyView, policy: KeyPolicy, alg: SigningAlgorithm): boolean {
  const [active] = keysOf(view, alg, 'active')
  return active !== undefined && view.now - active.since >= policy.keyActiveSeconds - policy.keyStagedSeconds
}
