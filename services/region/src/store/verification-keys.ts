import { withTransaction } from '@meridian/database/transaction'
import { publicJwkSchema } from '@meridian/protocol/jwks'
import type { KeyStore, StoredKey } from '@meridian/resource-server/key-ring'
import type { RegionDatabase } from './open-store.ts'

/** Where the issuer's keys survive a restart. A row that no longer parses is left out: the issuer will send it again. */
export function createKeyStore(database: RegionDatabase): KeyStore {
  return {
    load: async () => {
      const rows = await database.prisma.verificationKey.findMany()
      return rows.flatMap(({ jwk, withdrawnAt }): StoredKey[] => {
        const parsed = publicJwkSchema.safeParse(jwk)
        return parsed.success ? [{ jwk: parsed.data, withdrawnAtMs: withdrawnAt?.getTime() ?? null }] : []
      })
    },
    save: (keys) =>
      withTransaction(database, async (db) => {
        const data = keys.map(({ jwk, withdrawnAtMs }) => ({
          kid: jwk.kid,
          jwk,
          withdrawnAt: withdrawnAtMs === null ? null : new Date(withdrawnAtMs),
        }))
        await db.prisma.verificationKey.deleteMany()
        await db.prisma.verificationKey.createMany({ data, skipDuplicates: true })
      }),
  }
}
