// RSA keys to sign with, made once and used again: to make one takes longer than all else in the start of a service.
// No two services have the same at a time.
import { randomBytes } from 'node:crypto'
import { sealPurpose } from '../../services/identity/src/keys/generate-signing-key.ts'
import type { KeySet } from '../../services/identity/src/keys/key-set.ts'
import { seal } from '../../services/identity/src/secrets/sealing.ts'
import type { Secrets } from '../../services/identity/src/secrets/secrets.ts'
import type { IdentityDb } from '../../services/identity/src/store/open-store.ts'
import { insertActiveSigningKey } from '../../services/identity/src/store/signing-keys.ts'

type SpareKey = Pick<Parameters<typeof insertActiveSigningKey>[1], 'kid' | 'publicJwk'> & { readonly pkcs8: Buffer }

const spare: SpareKey[] = []

/** Where there is a spare key and the database has none, it is the database's. */
export async function lendSigningKey(db: IdentityDb, secrets: Pick<Secrets, 'sealKeys'>): Promise<void> {
  const key = spare.pop()
  if (key === undefined) return
  const sealed = seal(secrets.sealKeys, sealPurpose(key.kid), key.pkcs8, randomBytes)
  const { kid, publicJwk } = key
  const isTaken = await insertActiveSigningKey(db, {
    kid,
    alg: 'RS256',
    publicJwk,
    sealedPrivateKey: new Uint8Array(sealed),
  })
  if (!isTaken) spare.push(key)
}

/** When the service that had it is over. */
export function giveBackSigningKey({ active: { RS256 }, publicJwks }: KeySet): void {
  const publicJwk = publicJwks.find(({ kid }) => kid === RS256.kid)
  if (publicJwk === undefined || spare.some(({ kid }) => kid === RS256.kid)) return
  spare.push({ kid: RS256.kid, publicJwk, pkcs8: RS256.privateKey.export({ format: 'der', type: 'pkcs8' }) })
}
