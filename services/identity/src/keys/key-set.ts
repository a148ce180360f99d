// The issuer's signing keys: made at first start, sealed at rest, held ready in memory. Algorithms are those of
// RFC 7518 §3.1; `kid` is the RFC 7638 thumbprint. store/signing-keys.ts keeps them; http/oauth/jwks shows them.
import { createHash, createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { type PublicJwk, publicJwkSchema } from '@meridian/protocol/jwks'
import { calculateJwkThumbprint } from 'jose'
import { seal, unseal } from '../secrets/sealing.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { insertFirstSigningKey, listSigningKeys, type StoredSigningKey } from '../store/signing-keys.ts'

export type SigningAlgorithm = 'ES256' | 'RS256'
export type SigningKey = { readonly kid: string; readonly alg: SigningAlgorithm; readonly privateKey: KeyObject }

export type KeySet = {
  readonly active: Readonly<Record<SigningAlgorithm, SigningKey>>
  readonly publicJwks: readonly PublicJwk[]
  /** The JWKS document, ready to send, and its entity tag (RFC 9110 §8.8.3). */
  readonly document: Buffer
  readonly etag: string
}

const ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'RS256']
const generate = promisify(generateKeyPair)

/** Reads the keys, making those that are missing. Safe when several processes start at once: one key wins. */
export async function loadKeySet(
  db: IdentityDb,
  secrets: Pick<Secrets, 'sealKeys'>,
  randomBytes: RandomBytes,
): Promise<KeySet> {
  let stored = await listSigningKeys(db)
  const missing = ALGORITHMS.filter((alg) => !stored.some((key) => key.alg === alg && key.status === 'active'))
  for (const alg of missing) await insertFirstSigningKey(db, await generateSigningKey(alg, secrets, randomBytes))
  if (missing.length > 0) stored = await listSigningKeys(db)
  return assembleKeySet(stored, secrets)
}

async function generateSigningKey(
  alg: SigningAlgorithm,
  secrets: Pick<Secrets, 'sealKeys'>,
  randomBytes: RandomBytes,
): Promise<Omit<StoredSigningKey, 'status'>> {
  const { publicKey, privateKey } =
    alg === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 2048, publicExponent: 0x10001 })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = await calculateJwkThumbprint(jwk)
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })
  return {
    kid,
    alg,
    publicJwk: publicJwkSchema.parse({ ...jwk, kid, alg, use: 'sig' }),
    sealedPrivateKey: new Uint8Array(seal(secrets.sealKeys, `signing_key ${kid}`, pkcs8, randomBytes)),
  }
}

function assembleKeySet(stored: readonly StoredSigningKey[], secrets: Pick<Secrets, 'sealKeys'>): KeySet {
  const publicJwks = stored.map((key) => key.publicJwk)
  const document = Buffer.from(JSON.stringify({ keys: publicJwks }))
  return {
    active: { ES256: openActive(stored, 'ES256', secrets), RS256: openActive(stored, 'RS256', secrets) },
    publicJwks,
    document,
    etag: `"${createHash('sha256').update(document).digest('base64url')}"`,
  }
}

function openActive(
  stored: readonly StoredSigningKey[],
  alg: SigningAlgorithm,
  secrets: Pick<Secrets, 'sealKeys'>,
): SigningKey {
  const key = stored.find((candidate) => candidate.alg === alg && candidate.status === 'active')
  if (key === undefined) throw new Error(`there is no active ${alg} signing key`)
  const pkcs8 = unseal(secrets.sealKeys, `signing_key ${key.kid}`, key.sealedPrivateKey)
  return { kid: key.kid, alg, privateKey: createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }) }
}
