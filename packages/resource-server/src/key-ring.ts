// The issuer's verification keys as this region holds them: last known good, kept in the region's own
// database, refreshed in the background. The issuer may be away for days and tokens still verify.
// What a key set must look like to be believed is fetch-jwks.ts.
import { createPublicKey } from 'node:crypto'
import type { PublicJwk } from '@meridian/protocol/jwks'
import { createBackgroundRefresh, type Schedule } from './background-refresh.ts'
import { fetchJwks, JwksRefused } from './fetch-jwks.ts'
import type { OperationalLog } from './operational-log.ts'
import { parseSecureUrl } from './secure-url.ts'
import { createUnknownKeys } from './unknown-keys.ts'
import type { VerificationKey } from './verify-access-token.ts'

export interface StoredKey {
  jwk: PublicJwk
  /** When a fetched key set first lacked it; null while it is published. */
  withdrawnAtMs: number | null
}

export interface KeyStore {
  load(): Promise<StoredKey[]>
  /** Replaces what is stored. */
  save(keys: StoredKey[]): Promise<void>
}

export interface KeyRingOptions {
  jwksUrl: string
  /** Lets the URL be plain http on a host that is not loopback. */
  allowInsecure?: boolean
  store: KeyStore
  /** Called after each fetch with the published keys that are held, and would be after a restart. */
  onHeld?: (kids: readonly string[]) => void
  /** Called after each fetch with the kids that the issuer has declared compromised; tell `Revocations`, for cached tokens. */
  onRevoked?: (kids: readonly string[]) => void
  fetch: typeof globalThis.fetch
  nowMs: () => number
  random: () => number
  schedule: Schedule
  log: OperationalLog
}

export interface KeyRing {
  /** Loads what is stored and begins to refresh; does not wait for the issuer. */
  start(): Promise<void>
  find(kid: string): VerificationKey | undefined
  /**
   * For a `kid` that is not held: waits up to 1 s for one refresh, at most one each 5 s however many ask.
   * Waiting a moment spares the first clients after an emergency rotation a refusal; an ordinary
   * rotation never gets here, as keys are staged until every region holds them.
   */
  discover(kid: string): Promise<void>
  refresh(): Promise<void>
  /** Holds at least one key. */
  ready(): boolean
  stop(): void
}

const FETCH_TIMEOUT_MS = 5_000
/** A token outlives its key's publication by minutes; a mistaken or rolled-back key set by hours. */
const WITHDRAWN_KEEP_MS = 24 * 3600 * 1000

interface HeldKey extends StoredKey {
  verification: VerificationKey
}

export function createKeyRing(options: KeyRingOptions): KeyRing {
  const { store, nowMs, log } = options
  const url = parseSecureUrl(options.jwksUrl, options.allowInsecure ?? false)
  let held = new Map<string, HeldKey>()
  let etag: string | null = null
  let loaded = false
  let saved = true
  const revoked = new Set<string>()

  async function load(): Promise<void> {
    const stored = await store.load()
    for (const key of stored) {
      const { kid } = key.jwk
      if (!held.has(kid) && !revoked.has(kid)) held.set(kid, holdKey(key))
    }
    loaded = true
  }

  async function save(): Promise<void> {
    await store.save([...held.values()].map(({ jwk, withdrawnAtMs }) => ({ jwk, withdrawnAtMs })))
    saved = true
  }

  async function fetchOnce(stopping: AbortSignal): Promise<number> {
    if (!loaded) await load().catch((error: unknown) => log.error({ err: error }, 'stored keys could not be loaded'))
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(FETCH_TIMEOUT_MS)])
    const answer = await fetchJwks(url, { fetch: options.fetch, etag, signal })
    if (answer.kind === 'fetched') {
      for (const kid of answer.jwks.revoked ?? []) revoked.add(kid)
      const next = mergeKeys(held, answer.jwks.keys, revoked, nowMs())
      if (!sameKeys(held, next)) saved = false
      held = next
      etag = answer.etag
    }
    // What is stored is replaced only once it was read: keys of a withdrawn set live on in it.
    if (!saved && loaded) await save().catch((error: unknown) => log.error({ err: error }, 'keys could not be stored'))
    if (revoked.size > 0) options.onRevoked?.([...revoked])
    if (saved) options.onHeld?.(publishedOf(held))
    return answer.maxAgeSeconds * 1000
  }

  function onFailure(error: unknown): void {
    const reason = error instanceof JwksRefused ? error.reason : 'unreachable'
    if (reason === 'private_members') log.error({ reason, alarm: true }, 'the issuer published a private key')
    else log.warn({ reason, keys: held.size }, 'the key set was not refreshed; known keys stay')
  }

  const background = createBackgroundRefresh({ ...options, fetchOnce, onFailure })
  const unknownKeys = createUnknownKeys(nowMs, options.schedule)

  function find(kid: string): VerificationKey | undefined {
    const key = held.get(kid)
    return key !== undefined && isKept(key, nowMs()) ? key.verification : undefined
  }

  return {
    start: async () => {
      await load().catch((error: unknown) => log.error({ err: error }, 'stored keys could not be loaded'))
      background.start()
    },
    find,
    discover: (kid) => unknownKeys.awaitRefresh(kid, background.refreshEarly),
    refresh: background.refresh,
    ready: () => [...held.keys()].some((kid) => find(kid) !== undefined),
    stop: background.stop,
  }
}

/** Published keys, and withdrawn ones for as long as they are kept; none that was once declared compromised. */
function mergeKeys(
  held: ReadonlyMap<string, HeldKey>,
  published: readonly PublicJwk[],
  revoked: ReadonlySet<string>,
  now: number,
) {
  const next = new Map<string, HeldKey>()
  for (const jwk of published) if (!revoked.has(jwk.kid)) next.set(jwk.kid, holdKey({ jwk, withdrawnAtMs: null }))
  for (const [kid, key] of held) {
    if (next.has(kid) || revoked.has(kid)) continue
    const withdrawn = { ...key, withdrawnAtMs: key.withdrawnAtMs ?? now }
    if (isKept(withdrawn, now)) next.set(kid, withdrawn)
  }
  return next
}

function publishedOf(held: ReadonlyMap<string, HeldKey>): string[] {
  return [...held].filter(([, key]) => key.withdrawnAtMs === null).map(([kid]) => kid)
}

function isKept(key: StoredKey, now: number): boolean {
  return key.withdrawnAtMs === null || now - key.withdrawnAtMs < WITHDRAWN_KEEP_MS
}

function sameKeys(before: ReadonlyMap<string, HeldKey>, after: ReadonlyMap<string, HeldKey>): boolean {
  if (before.size !== after.size) return false
  return [...after].every(([kid, key]) => {
    const known = before.get(kid)
    return known?.withdrawnAtMs === key.withdrawnAtMs && JSON.stringify(known.jwk) === JSON.stringify(key.jwk)
  })
}

/** Errors: JwksRefused for a point that is not on the curve, or a modulus that is none. */
function holdKey(stored: StoredKey): HeldKey {
  const { jwk } = stored
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    return { ...stored, verification: { kid: jwk.kid, alg: jwk.alg, key } }
  } catch {
    throw new JwksRefused('not_a_key_set')
  }
}
