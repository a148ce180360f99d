import { withTransaction } from '@meridian/database/transaction'
import { seal, unseal } from '../secrets/sealing.ts'
import { listSigningKeys, lockSigningKeys, replaceSealedKey } from '../store/signing-keys.ts'
import { sealPurpose } from './generate-signing-key.ts'
import type { RotateDeps } from './rotate-keys.ts'

/** Seals every private key anew with the newest seal key. Resolves to how many. Throws UnsealError, changing nothing. */
export function resealKeys(deps: RotateDeps, isDryRun: boolean): Promise<number> {
  const { sealKeys } = deps.secrets
  return withTransaction(deps.db, async (db) => {
    await lockSigningKeys(db)
    let resealed = 0
    for (const { kid, sealedPrivateKey } of await listSigningKeys(db)) {
      if (sealedPrivateKey === null) continue
      const pkcs8 = unseal(sealKeys, sealPurpose(kid), sealedPrivateKey)
      resealed += 1
      if (!isDryRun)
        await replaceSealedKey(db, kid, new Uint8Array(seal(sealKeys, sealPurpose(kid), pkcs8, deps.randomBytes)))
    }
    return resealed
  })
}
