// Signs the checkpoints of the audit with the issuer's ES256 key, and opens them again with the keys that are still
// kept: those of the JWKS, and the retired ones of the last 400 days; never one that was compromised.
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { PublicJwk } from '@meridian/protocol/jwks'
import {
  CHECKPOINT_TYPE,
  checkpointClaimsSchema,
  type OpenCheckpoint,
  type SignCheckpoint,
} from '../audit/checkpoint.ts'
import type { Deps } from '../deps.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { listSigningKeys } from '../store/signing-keys.ts'
import { openCompactJws, signCompactJws } from './compact-jws.ts'

export function createCheckpointSigner({ keySet }: Pick<Deps, 'keySet'>): SignCheckpoint {
  return (claims) => signCompactJws(keySet().active.ES256, CHECKPOINT_TYPE, claims)
}

export async function loadCheckpointOpener(db: IdentityDb): Promise<OpenCheckpoint> {
  const stored = await listSigningKeys(db)
  return openerWith(stored.filter((key) => !key.compromised).map((key) => key.publicJwk))
}

function openerWith(jwks: readonly PublicJwk[]): OpenCheckpoint {
  const keys = new Map<string, KeyObject>()
  for (const jwk of jwks) if (jwk.alg === 'ES256') keys.set(jwk.kid, createPublicKey({ key: jwk, format: 'jwk' }))
  return (token) => {
    let isKnown = true
    const opened = openCompactJws(token, CHECKPOINT_TYPE, (kid) => {
      const key = keys.get(kid)
      isKnown = key !== undefined
      return key
    })
    if (!isKnown) return 'unknown_key'
    const claims = checkpointClaimsSchema.safeParse(opened?.claims)
    return claims.success ? claims.data : 'forged'
  }
}
