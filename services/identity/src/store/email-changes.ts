// A change of address: asked for, and committed by the code that was mailed to the new one. Whoever writes here holds
// the person's row, so that a request, a confirmation and a stop of the same person take turns.
import type { Statement } from '@meridian/database/database'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { z } from 'zod'
import { type ContactLimits, takeSend } from './contact-budget.ts'
import type { IdentityDb } from './open-store.ts'

const LIMITS = {
  device: "''::bytea",
  challengeId: '$6::uuid',
  sendsPerHour: '$16::integer',
  sendsPerDay: '$17::integer',
  failuresBeforeSlow: '$18::integer',
} as const
/** The old address's: how often its owner may have codes sent to others. It has no wait, since people mistype. */
const TAKE_ASKERS_SEND = takeSend({
  ...LIMITS,
  name: 'may_ask',
  contact: '$14::bytea',
  purpose: 'email_change_asker',
  from: 't',
  resendSeconds: '0',
})
const TAKE_SEND = takeSend({
  ...LIMITS,
  name: 'allowed',
  contact: '$8::bytea',
  purpose: 'email_change',
  from: 't WHERE EXISTS (SELECT FROM may_ask)',
  resendSeconds: '$15::integer',
})

// One statement for every new address, somebody's or not: the same rows are written, and only their values differ.
// A code that was not sent leaves an earlier one for the same address alone. A challenge without a user has no answer.
const START_EMAIL_CHANGE: Statement = {
  name: 'start_email_change',
  text: `WITH t AS (SELECT meridian_now() AS now),
    taken AS (SELECT EXISTS (SELECT FROM user_account WHERE email = $5::text AND status <> 'deleted')
      OR is_email_held($5::text, $2::uuid) AS yes),
    told AS (SELECT FROM t, email_change e JOIN otp_challenge c ON c.id = e.challenge_id AND c.sent
      WHERE e.user_id = $2::uuid AND e.session_id = $3::uuid AND e.new_email = $5::text AND e.committed_at IS NULL
        AND e.stopped_at IS NULL AND e.expires_at > t.now),
    ${TAKE_ASKERS_SEND},
    ${TAKE_SEND},
    superseded AS (
      UPDATE email_change e SET stopped_at = t.now FROM t
      WHERE e.user_id = $2::uuid AND e.committed_at IS NULL AND e.stopped_at IS NULL
        AND (e.new_email <> $5::text OR EXISTS (SELECT FROM allowed))
    ),
    changed AS (
      INSERT INTO email_change (id, user_id, session_id, old_email, new_email, created_at, expires_at, challenge_id)
      SELECT $1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, t.now, t.now + make_interval(secs => $19::integer),
        $6::uuid FROM t
    ),
    queued AS (
      INSERT INTO mail_outbox (id, kind, contact_mac, sealed_mail, status, created_at, next_attempt_at, expires_at)
      SELECT $6::uuid, 'email_change_code', $8::bytea, $11::bytea,
        CASE WHEN EXISTS (SELECT FROM allowed) AND NOT taken.yes THEN 'pending' ELSE 'suppressed' END,
        t.now, t.now, t.now + make_interval(secs => $19::integer) FROM t, taken
      UNION ALL
      SELECT $12::uuid, 'email_change_requested', $14::bytea, $13::bytea,
        CASE WHEN EXISTS (SELECT FROM allowed) AND NOT EXISTS (SELECT FROM told) THEN 'pending' ELSE 'suppressed' END,
        t.now, t.now, t.now + make_interval(secs => $20::integer) FROM t
    )
    INSERT INTO otp_challenge (id, auth_session_hash, contact_mac, purpose, client_id, user_id, code_mac,
      code_challenge, scope, sent, created_at, expires_at)
    SELECT $6::uuid, $7::bytea, $8::bytea, 'email_change', $9::text,
      CASE WHEN EXISTS (SELECT FROM allowed) AND NOT taken.yes THEN $2::uuid END, $10::bytea, '', '',
      EXISTS (SELECT FROM allowed), t.now, t.now + make_interval(secs => $19::integer)
    FROM t, taken`,
}

export type NewEmailChange = {
  readonly id: string
  readonly userId: string
  readonly sessionId: string
  readonly clientId: string
  readonly oldEmail: string
  readonly newEmail: string
  readonly challengeId: string
  readonly authSessionHash: Uint8Array
  readonly codeMac: Uint8Array
  /** The code, for the new address. */
  readonly newContactMac: Uint8Array
  readonly sealedCode: Uint8Array
  /** That it was asked for, for the old address. */
  readonly oldContactMac: Uint8Array
  readonly noticeId: string
  readonly sealedNotice: Uint8Array
  readonly noticeTtlSeconds: number
}

/** Writes the change, its challenge and both mails. An earlier change that is open is superseded. */
export async function startEmailChange(db: IdentityDb, change: NewEmailChange, limits: ContactLimits): Promise<void> {
  await db.sql(START_EMAIL_CHANGE, [
    change.id,
    change.userId,
    change.sessionId,
    change.oldEmail,
    change.newEmail,
    change.challengeId,
    change.authSessionHash,
    change.newContactMac,
    change.clientId,
    change.codeMac,
    change.sealedCode,
    change.noticeId,
    change.sealedNotice,
    change.oldContactMac,
    limits.resendSeconds,
    limits.sendsPerHour,
    limits.sendsPerDay,
    limits.failuresBeforeSlow,
    limits.ttlSeconds,
    change.noticeTtlSeconds,
  ])
}

/** Who speaks of a change: a person, in one session, by the handle that the session was given. */
export type ChangeKey = { readonly authSessionHash: Uint8Array; readonly userId: string; readonly sessionId: string }

const keyValues = (key: ChangeKey) => [key.authSessionHash, key.userId, key.sessionId]

const OF_KEY = `c.auth_session_hash = $1::bytea AND c.purpose = 'email_change' AND e.challenge_id = c.id
  AND e.user_id = $2::uuid AND e.session_id = $3::uuid`

const FIND_WAITING: Statement = {
  name: 'find_waiting_email_change',
  text: `SELECT greatest(0, ceil(extract(epoch FROM c.created_at - t.now) + $5::integer))::integer AS wait_seconds,
      greatest(0, ceil(extract(epoch FROM c.expires_at - t.now)))::integer AS expires_in
    FROM (SELECT meridian_now() AS now) t, otp_challenge c, email_change e
    WHERE ${OF_KEY} AND e.new_email = $4::text AND e.committed_at IS NULL AND e.stopped_at IS NULL
      AND c.expires_at > t.now`,
}

const waitingSchema = z.object({ wait_seconds: z.number(), expires_in: z.number() })

/** The open change that a resend names, with the seconds until another code is due. */
export async function findWaitingChange(
  db: IdentityDb,
  key: ChangeKey,
  newEmail: string,
  resendSeconds: number,
): Promise<z.infer<typeof waitingSchema> | undefined> {
  const [row] = await db.sql(FIND_WAITING, [...keyValues(key), newEmail, resendSeconds])
  return row === undefined ? undefined : waitingSchema.parse(row)
}

// As TRY_CODE of otp-challenges.ts; which code is the newest is the change's to say, not the contact's: a stranger who
// asks for the same address ends nobody's code.
const TRY_CHANGE_CODE: Statement = {
  name: 'try_email_change_code',
  text: `WITH t AS (SELECT meridian_now() AS now),
    tried AS (
      UPDATE otp_challenge AS c SET attempts = c.attempts + 1,
        consumed_at = CASE WHEN c.code_mac = $4::bytea AND c.user_id IS NOT NULL THEN t.now END,
        retry_key_hash = $5::bytea
      FROM t, email_change e
      WHERE ${OF_KEY} AND e.committed_at IS NULL AND e.stopped_at IS NULL
        AND c.consumed_at IS NULL AND c.attempts < $6::integer AND c.expires_at > t.now
      RETURNING e.id, e.old_email, e.new_email, c.contact_mac, c.consumed_at
    ),
    counted AS (
      UPDATE contact_budget AS b SET failures = CASE WHEN tried.consumed_at IS NULL THEN b.failures + 1 ELSE 0 END
      FROM tried WHERE b.contact_mac = tried.contact_mac AND b.purpose = 'email_change' AND b.device_hash = ''::bytea
    )
    SELECT id::text, old_email, new_email, contact_mac, consumed_at IS NOT NULL AS correct FROM tried`,
}

const triedSchema = z.object({
  id: z.string(),
  old_email: z.string(),
  new_email: emailAddressSchema,
  contact_mac: z.instanceof(Uint8Array),
  correct: z.boolean(),
})
export type TriedChange = z.infer<typeof triedSchema>

export type ChangeAttempt = ChangeKey & { readonly codeMac: Uint8Array; readonly retryKeyHash: Uint8Array | null }

/** Spends one attempt. Undefined where the change cannot be confirmed (any more); then nothing changed. */
export async function tryChangeCode(
  db: IdentityDb,
  attempt: ChangeAttempt,
  maxAttempts: number,
): Promise<TriedChange | undefined> {
  const values = [...keyValues(attempt), attempt.codeMac, attempt.retryKeyHash, maxAttempts]
  const [row] = await db.sql(TRY_CHANGE_CODE, values)
  return row === undefined ? undefined : triedSchema.parse(row)
}

const FIND_COMMITTED: Statement = {
  name: 'find_committed_email_change',
  text: `SELECT e.new_email FROM (SELECT meridian_now() AS now) t, otp_challenge c, email_change e
    WHERE ${OF_KEY} AND c.code_mac = $4::bytea AND c.retry_key_hash = $5::bytea AND c.consumed_at IS NOT NULL
      AND c.expires_at > t.now AND e.committed_at IS NOT NULL AND e.stopped_at IS NULL`,
}

/** The address that the same request, with the same Idempotency-Key, has brought about before. */
export async function findCommittedChange(
  db: IdentityDb,
  attempt: ChangeAttempt,
): Promise<TriedChange['new_email'] | undefined> {
  const [row] = await db.sql(FIND_COMMITTED, [...keyValues(attempt), attempt.codeMac, attempt.retryKeyHash])
  return row === undefined ? undefined : triedSchema.pick({ new_email: true }).parse(row).new_email
}

// Going back to an address that is held for the same person ends that hold: there is nothing left to undo.
const COMMIT_CHANGE: Statement = {
  name: 'commit_email_change',
  text: `WITH t AS (SELECT meridian_now() AS now),
    changed AS (
      UPDATE email_change e SET committed_at = t.now, undo_until = t.now + make_interval(secs => $2::integer) FROM t
      WHERE e.id = $1::uuid AND e.committed_at IS NULL AND e.stopped_at IS NULL AND e.expires_at > t.now
      RETURNING e.user_id, e.old_email, e.new_email
    ),
    over AS (
      UPDATE email_change e SET stopped_at = t.now FROM t, changed
      WHERE e.user_id = changed.user_id AND e.id <> $1::uuid AND e.stopped_at IS NULL
        AND (e.committed_at IS NULL OR e.old_email = changed.new_email)
    )
    UPDATE user_account u SET email = changed.new_email, email_verified_at = t.now, version = u.version + 1
    FROM t, changed WHERE u.id = changed.user_id AND u.email = changed.old_email AND u.status = 'active'
    RETURNING u.id::text`,
}

/** Gives the person the new address. False where the change is over, or theirs is not the old address any more. */
export async function commitEmailChange(db: IdentityDb, changeId: string, undoSeconds: number): Promise<boolean> {
  return (await db.sql(COMMIT_CHANGE, [changeId, undoSeconds])).length === 1
}
