import type { Statement } from '@meridian/database/database'
import { publicJwkSchema } from '@meridian/protocol/jwks'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const signingKeySchema = z.object({
  kid: z.string(),
  alg: z.enum(['ES256', 'RS256']),
  status: z.enum(['staged', 'active', 'retiring']),
  publicJwk: publicJwkSchema,
  sealedPrivateKey: z.instanceof(Uint8Array),
})
export type StoredSigningKey = z.infer<typeof signingKeySchema>

/** Every key that verifiers must know: staged, active and retiring, in a stable order. */
export async function listSigningKeys(db: IdentityDb): Promise<readonly StoredSigningKey[]> {
  const rows = await db.prisma.signingKey.findMany({
    where: { status: { in: ['staged', 'active', 'retiring'] } },
    orderBy: [{ alg: 'asc' }, { createdAt: 'desc' }, { kid: 'asc' }],
  })
  return rows.map((row) => signingKeySchema.parse(row))
}

const INSERT_FIRST_KEY: Statement = {
  name: 'insert_first_signing_key',
  text: `INSERT INTO signing_key (kid, alg, status, public_jwk, sealed_private_key, activated_at)
    VALUES ($1::text, $2::text, 'active', $3::text::jsonb, $4::bytea, meridian_now())
    ON CONFLICT (alg) WHERE status = 'active' DO NOTHING`,
}

/** Adds the first active key of its algorithm; where another process was quicker, nothing happens. */
export async function insertFirstSigningKey(db: IdentityDb, key: Omit<StoredSigningKey, 'status'>): Promise<void> {
  await db.sql(INSERT_FIRST_KEY, [key.kid, key.alg, JSON.stringify(key.publicJwk), key.sealedPrivateKey])
}
