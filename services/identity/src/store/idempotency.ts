import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

// Taking the lock first makes a repeat wait for the original instead of racing it.
const LOCK_KEY: Statement = {
  name: 'lock_idempotency_key',
  text: `SELECT pg_advisory_xact_lock(hashtextextended($1::text || encode($2::bytea, 'hex'), 0))::text AS locked`,
}
const FIND_ANSWER: Statement = {
  name: 'find_idempotent_answer',
  text: `SELECT request_hash, status, body FROM idempotency
    WHERE scope = $1::text AND key_hash = $2::bytea AND expires_at > meridian_now()`,
}
const SAVE_ANSWER: Statement = {
  name: 'save_idempotent_answer',
  text: `INSERT INTO idempotency (scope, key_hash, request_hash, status, body, expires_at)
    VALUES ($1::text, $2::bytea, $3::bytea, $4::integer, $5::text::jsonb,
      meridian_now() + make_interval(secs => $6::integer))
    ON CONFLICT (scope, key_hash) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status,
      body = excluded.body, expires_at = excluded.expires_at, created_at = meridian_now()`,
}

const answerSchema = z.object({ request_hash: z.instanceof(Uint8Array), status: z.number(), body: z.unknown() })
export type SavedAnswer = z.infer<typeof answerSchema>

/** The answer that this key got before, if any; until the transaction ends no other request can use the key. */
export async function lockIdempotencyKey(
  db: IdentityDb,
  scope: string,
  keyHash: Uint8Array,
): Promise<SavedAnswer | undefined> {
  await db.sql(LOCK_KEY, [scope, keyHash])
  const [row] = await db.sql(FIND_ANSWER, [scope, keyHash])
  return row === undefined ? undefined : answerSchema.parse(row)
}

export async function saveIdempotentAnswer(
  db: IdentityDb,
  answer: { scope: string; keyHash: Uint8Array; requestHash: Uint8Array; status: number; body: unknown },
  ttlSeconds: number,
): Promise<void> {
  const { scope, keyHash, requestHash, status, body } = answer
  await db.sql(SAVE_ANSWER, [scope, keyHash, requestHash, status, JSON.stringify(body), ttlSeconds])
}
