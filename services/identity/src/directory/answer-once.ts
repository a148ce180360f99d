import { Refusal } from '../refusal.ts'
import { sha256 } from '../secrets/macs.ts'
import { lockIdempotencyKey, saveIdempotentAnswer } from '../store/idempotency.ts'
import type { IdentityDb } from '../store/open-store.ts'

const ANSWER_TTL_SECONDS = 86_400

export type RequestKey = {
  /** Whose keys these are, and for what. */
  readonly scope: string
  /** The request's Idempotency-Key; without one the work is done each time. */
  readonly value: string | undefined
  readonly request: unknown
}

/**
 * Does the work once a key and gives its answer again to a repeat. The answer is kept, so it must hold no secret in
 * clear. Needs a transaction. Throws Refusal (idempotency_key_reused).
 */
export async function answerOnce<T>(
  db: IdentityDb,
  key: RequestKey,
  status: number,
  work: () => Promise<T>,
): Promise<T> {
  if (key.value === undefined) return work()
  const keyHash = sha256(key.value)
  const requestHash = sha256(JSON.stringify(key.request))
  const earlier = await lockIdempotencyKey(db, key.scope, keyHash)
  if (earlier !== undefined) {
    if (Buffer.compare(earlier.request_hash, requestHash) === 0) return earlier.body as T
    throw new Refusal('idempotency_key_reused', 'the key was used for another request')
  }
  const body = await work()
  await saveIdempotentAnswer(db, { scope: key.scope, keyHash, requestHash, status, body }, ANSWER_TTL_SECONDS)
  return body
}
