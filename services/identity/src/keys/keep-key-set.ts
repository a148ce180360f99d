import type { Logger } from '@meridian/service-kit/logger'
import { Refusal } from '../refusal.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { readKeyVersion } from '../store/signing-keys.ts'
import { type KeySet, loadKeySet } from './key-set.ts'
import { PUBLISHING_CONFIRMED_SECONDS, SIGNING_CONFIRMED_SECONDS } from './life-cycle.ts'

/** How soon a process knows what another one did to the keys. */
const CONFIRM_EVERY_MS = 1000
/** While the database is away, the log says so now and then. */
const FAILURES_PER_WARNING = 60

export type KeySetDeps = {
  readonly db: IdentityDb
  readonly secrets: Pick<Secrets, 'sealKeys'>
  readonly randomBytes: RandomBytes
  /** Milliseconds that only pass: how long ago the keys were confirmed. */
  readonly now: () => number
  readonly log: Logger
}

export type HeldKeySet = {
  current(): KeySet
  /** Asks the database, and reads the keys again where they have changed. Never rejects. */
  confirm(): Promise<void>
}

/**
 * Holds the key set in memory and follows the database, so that every process shows and uses the same keys. One
 * that has not been able to confirm them neither signs nor, later, shows them: they may be retired by now.
 */
export async function holdKeySet(deps: KeySetDeps): Promise<HeldKeySet> {
  let version = await readKeyVersion(deps.db)
  let keySet = await loadKeySet(deps.db, deps.secrets, deps.randomBytes)
  let confirmedAt = deps.now()
  let failures = 0
  warnOfUnopened(deps.log, keySet)

  async function confirm(): Promise<void> {
    const askedAt = deps.now()
    try {
      const versionNow = await readKeyVersion(deps.db)
      if (versionNow !== version) {
        keySet = await loadKeySet(deps.db, deps.secrets, deps.randomBytes)
        version = versionNow
        warnOfUnopened(deps.log, keySet)
      }
      confirmedAt = askedAt
      failures = 0
    } catch (error) {
      if (failures % FAILURES_PER_WARNING === 0) deps.log.warn({ err: error }, 'the signing keys could not be read')
      failures += 1
    }
  }

  function current(): KeySet {
    const seconds = Math.abs(deps.now() - confirmedAt) / 1000
    if (seconds > PUBLISHING_CONFIRMED_SECONDS) throw unconfirmed()
    return seconds > SIGNING_CONFIRMED_SECONDS ? withoutSigning(keySet) : keySet
  }

  return { current, confirm }
}

/** Confirms once a second until it is stopped. */
export async function keepKeySet(deps: KeySetDeps): Promise<{ current: () => KeySet; stop(): Promise<void> }> {
  const held = await holdKeySet(deps)
  let confirming: Promise<void> | null = null
  const timer = setInterval(() => {
    confirming ??= held.confirm().finally(() => {
      confirming = null
    })
  }, CONFIRM_EVERY_MS)
  timer.unref()
  return {
    current: held.current,
    stop: async () => {
      clearInterval(timer)
      await confirming
    },
  }
}

/**
 * The key set of one request. Throws Refusal (temporarily_unavailable) where it may not sign, which must come before
 * anything is consumed: a refresh token that was rotated for nothing would look stolen the next time.
 */
export function pinSigningKeys(deps: { readonly keySet: () => KeySet }): () => KeySet {
  const keySet = deps.keySet()
  void keySet.active
  return () => keySet
}

const withoutSigningOf = new WeakMap<KeySet, KeySet>()

function withoutSigning(keySet: KeySet): KeySet {
  const known = withoutSigningOf.get(keySet)
  if (known !== undefined) return known
  const suspended = {
    ...keySet,
    get active(): never {
      throw unconfirmed()
    },
  }
  withoutSigningOf.set(keySet, suspended)
  return suspended
}

function unconfirmed(): Refusal {
  return new Refusal('temporarily_unavailable', 'the signing keys could not be confirmed lately')
}

function warnOfUnopened(log: Logger, { unopened }: KeySet): void {
  if (unopened.length > 0) log.error({ kids: unopened }, 'SEAL_KEYS lacks the key of a signing key that is staged')
}
