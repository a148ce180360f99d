import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { publicJwkSchema } from '@meridian/protocol/jwks'
import { calculateJwkThumbprint } from 'jose'
import { seal } from '../secrets/sealing.ts'
import type { RandomBytes, Secrets } from '../secrets/secrets.ts'
import type { NewSigningKey } from '../store/signing-keys.ts'
import type { SigningAlgorithm } from './life-cycle.ts'

const generate = promisify(generateKeyPair)

/** A key pair whose private half is sealed; `kid` is the RFC 7638 thumbprint. */
export async function generateSigningKey(
  alg: SigningAlgorithm,
  secrets: Pick<Secrets, 'sealKeys'>,
  randomBytes: RandomBytes,
): Promise<NewSigningKey> {
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
    sealedPrivateKey: new Uint8Array(seal(secrets.sealKeys, sealPurpose(kid), pkcs8, randomBytes)),
  }
}

/** What a sealed private key is bound to. */
export function sealPurpose(kid: string): string {
  return `signing_key ${kid}`
}
