import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

const CONSUME_ASSERTION: Statement = {
  name: 'consume_client_assertion',
  text: `INSERT INTO client_assertion (client_id, jti_hash, expires_at)
    SELECT $1::text, $2::bytea, to_timestamp($3::float8)
    FROM (SELECT extract(epoch FROM meridian_now())::float8 AS now) t
    WHERE $3::float8 > t.now AND $3::float8 <= t.now + $5::integer AND $4::float8 <= t.now + $6::integer
    ON CONFLICT DO NOTHING RETURNING client_id`,
}

export type PresentedAssertion = {
  readonly clientId: string
  readonly jtiHash: Uint8Array
  /** Seconds since the epoch, as `notBefore`. */
  readonly expiresAt: number
  readonly notBefore: number
}

/** Takes an assertion that is in time and was never taken before. Resolves to whether it did. */
export async function consumeAssertion(
  db: IdentityDb,
  assertion: PresentedAssertion,
  limits: { readonly lifetimeSeconds: number; readonly leewaySeconds: number },
): Promise<boolean> {
  const { clientId, jtiHash, expiresAt, notBefore } = assertion
  const values = [clientId, jtiHash, expiresAt, notBefore, limits.lifetimeSeconds, limits.leewaySeconds]
  return (await db.sql(CONSUME_ASSERTION, values)).length === 1
}
