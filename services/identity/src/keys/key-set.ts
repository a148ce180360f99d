// The issuer's signing keys: made at first start, sealed at rest, held ready in memory. Algorithms are those of
// RFC 7518 §3.1. Their life is life-cycle.ts; store/signing-keys.ts keeps them; http/oauth/jwks shows them.
import { createHash, createPrivateKey, type KeyObject } from 'node:crypto'
import type { IssuerJwks, PublicJwk } from '@meridian/protocol/jwks'
import { unseal } from '../secrets/sealing.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { insertActiveSigningKey, listSigningKeys, type StoredSigningKey } from '../store/signing-keys.ts'
import { generateSigningKey, sealPurpose } from './generate-signing-key.ts'
import { ALGORITHMS, type SigningAlgorithm } from './life-cycle.ts'

export type { SigningAlgorithm } from './life-cycle.ts'
export type SigningKey = { readonly kid: string; readonly alg: SigningAlgorithm; readonly privateKey: KeyObject }

export type KeySet = {
  readonly active: Readonly<Record<SigningAlgorithm, SigningKey>>
  /** What verifies tokens now: active, staged and retiring. */
  readonly publicJwks: readonly PublicJwk[]
  /**
   * What verifies an `id_token_hint`, which may be older than its key's stay in the JWKS: those and the retired ones
   * of the last 400 days, but no compromised one. OpenID Connect RP-Initiated Logout 1.0 §2.
   */
  readonly hintJwks: readonly PublicJwk[]
  /** The JWKS document, ready to send, and its entity tag (RFC 9110 §8.8.3). */
  readonly document: Buffer
  readonly etag: string
  /** Staged keys that this process could not sign with: it lacks the key that seals them. */
  readonly unopened: readonly string[]
}

/** The newest ones; a key set that is longer would be refused. */
const REVOKED_MAX = 64

/** Reads the keys, making those that are missing. Safe when several processes start at once: one key wins. */
export async function loadKeySet(
  db: IdentityDb,
  secrets: Pick<Secrets, 'sealKeys'>,
  randomBytes: RandomBytes,
): Promise<KeySet> {
  let stored = await listSigningKeys(db)
  const missing = ALGORITHMS.filter((alg) => !stored.some((key) => key.alg === alg && key.status === 'active'))
  for (const alg of missing) await insertActiveSigningKey(db, await generateSigningKey(alg, secrets, randomBytes))
  if (missing.length > 0) stored = await listSigningKeys(db)
  return assembleKeySet(stored, secrets)
}

function assembleKeySet(stored: readonly StoredSigningKey[], secrets: Pick<Secrets, 'sealKeys'>): KeySet {
  const publicJwks = stored.flatMap((key) => (key.status === 'retired' ? [] : [key.publicJwk]))
  const compromised = stored.filter((key) => key.compromised).map((key) => key.kid)
  const revoked = compromised.length === 0 ? {} : { revoked: compromised.slice(0, REVOKED_MAX) }
  const document = Buffer.from(JSON.stringify({ keys: publicJwks, ...revoked } satisfies IssuerJwks))
  return {
    active: { ES256: openActive(stored, 'ES256', secrets), RS256: openActive(stored, 'RS256', secrets) },
    publicJwks,
    hintJwks: stored.filter((key) => !key.compromised).map((key) => key.publicJwk),
    document,
    etag: `"${createHash('sha256').update(document).digest('base64url')}"`,
    unopened: stored.filter((key) => key.status === 'staged' && !opens(key, secrets)).map((key) => key.kid),
  }
}

function openActive(
  stored: readonly StoredSigningKey[],
  alg: SigningAlgorithm,
  secrets: Pick<Secrets, 'sealKeys'>,
): SigningKey {
  const key = stored.find((candidate) => candidate.alg === alg && candidate.status === 'active')
  if (key === undefined) throw new Error(`there is no active ${alg} signing key`)
  return { kid: key.kid, alg, privateKey: openPrivateKey(key, secrets) }
}

function openPrivateKey(key: StoredSigningKey, secrets: Pick<Secrets, 'sealKeys'>): KeyObject {
  if (key.sealedPrivateKey === null) throw new Error(`the private half of ${key.kid} is erased`)
  const pkcs8 = unseal(secrets.sealKeys, sealPurpose(key.kid), key.sealedPrivateKey)
  return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
}

function opens(key: StoredSigningKey, secrets: Pick<Secrets, 'sealKeys'>): boolean {
  try {
    return openPrivateKey(key, secrets).type === 'private'
  } catch {
    return false
  }
}
