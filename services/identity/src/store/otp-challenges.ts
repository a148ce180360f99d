import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { type ContactLimits, takeSend } from './contact-budget.ts'
import { liveInvitationTo } from './invitation-answers.ts'
import type { IdentityDb } from './open-store.ts'

const TAKE_SEND = takeSend({
  name: 'allowed',
  contact: '$3::bytea',
  purpose: 'sign_in',
  device: 'device.hash',
  challengeId: '$1::uuid',
  from: 't, device',
  resendSeconds: '$12::integer',
  sendsPerHour: '$13::integer',
  sendsPerDay: '$14::integer',
  failuresBeforeSlow: '$15::integer',
})

// One statement for every address, known or not: the same rows are written, and only their values differ.
const START_CHALLENGE: Statement = {
  name: 'start_challenge',
  text: `WITH t AS (SELECT meridian_now() AS now),
    person AS (SELECT id FROM user_account WHERE email = $4::text AND status = 'active'),
    invited AS (${liveInvitationTo('$4::text')}
      AND NOT EXISTS (SELECT FROM user_account WHERE email = $4::text) AND NOT is_email_held($4::text, $1::uuid) LIMIT 1),
    device AS (SELECT coalesce((SELECT k.device_hash FROM known_device k
      WHERE k.device_hash = $17::bytea AND k.contact_mac = $3::bytea), ''::bytea) AS hash),
    ${TAKE_SEND},
    queued AS (
      INSERT INTO mail_outbox (id, kind, contact_mac, sealed_mail, status, created_at, next_attempt_at, expires_at)
      SELECT $1::uuid, 'sign_in_code', $3::bytea, $11::bytea,
        CASE WHEN (EXISTS (SELECT FROM person) OR EXISTS (SELECT FROM invited)) AND EXISTS (SELECT FROM allowed)
          THEN 'pending' ELSE 'suppressed' END,
        t.now, t.now, t.now + make_interval(secs => $16::integer)
      FROM t
    )
    INSERT INTO otp_challenge (id, auth_session_hash, contact_mac, purpose, client_id, user_id, code_mac,
      code_challenge, scope, resource, org, sent, created_at, expires_at, device_hash, interaction, invitation_id)
    SELECT $1::uuid, $2::bytea, $3::bytea, 'sign_in', $5::text, (SELECT id FROM person), $6::bytea,
      $7::text, $8::text, $9::text, $10::text, EXISTS (SELECT FROM allowed), t.now,
      t.now + make_interval(secs => $16::integer), device.hash, $18::bytea, (SELECT id FROM invited)
    FROM t, device RETURNING sent, user_id::text`,
}

export type NewChallenge = {
  readonly id: string
  readonly authSessionHash: Uint8Array
  readonly contactMac: Uint8Array
  readonly email: string
  readonly clientId: string
  readonly codeMac: Uint8Array
  readonly codeChallenge: string
  readonly scope: string
  readonly resource: string | null
  readonly org: string | null
  readonly sealedMail: Uint8Array
  /** The browser that asks; it has a budget of its own if it has signed in for this contact before. */
  readonly deviceHash: Uint8Array | null
  /** What a sign-in page goes on with, sealed. */
  readonly interaction: Uint8Array | null
}

const startedSchema = z.object({
  /** Whether it can be answered: its code was put in the post. */
  sent: z.boolean(),
  /** Whose address it is. */
  user_id: z.string().nullable(),
})

/** Writes a challenge and its mail. */
export async function startChallenge(
  db: IdentityDb,
  challenge: NewChallenge,
  limits: ContactLimits,
): Promise<z.infer<typeof startedSchema>> {
  const [row] = await db.sql(START_CHALLENGE, [
    challenge.id,
    challenge.authSessionHash,
    challenge.contactMac,
    challenge.email,
    challenge.clientId,
    challenge.codeMac,
    challenge.codeChallenge,
    challenge.scope,
    challenge.resource,
    challenge.org,
    challenge.sealedMail,
    limits.resendSeconds,
    limits.sendsPerHour,
    limits.sendsPerDay,
    limits.failuresBeforeSlow,
    limits.ttlSeconds,
    challenge.deviceHash,
    challenge.interaction,
  ])
  return startedSchema.parse(row)
}

const IS_RIGHT = 'c.code_mac = $3::bytea AND coalesce(c.user_id, c.invitation_id) IS NOT NULL'

// The attempt is counted and judged in one statement, under the row's lock: there is no reading first.
const TRY_CODE: Statement = {
  name: 'try_code',
  text: `WITH t AS (SELECT meridian_now() AS now),
    tried AS (
      UPDATE otp_challenge AS c SET attempts = c.attempts + 1,
        consumed_at = CASE WHEN ${IS_RIGHT} THEN t.now END, code_id = CASE WHEN ${IS_RIGHT} THEN $4::uuid END,
        retry_key_hash = $5::bytea
      FROM t
      WHERE c.auth_session_hash = $1::bytea AND c.client_id = $2::text AND c.purpose = $7::text
        AND c.consumed_at IS NULL AND c.attempts < $6::integer AND c.expires_at > t.now
        AND EXISTS (SELECT FROM contact_budget b WHERE b.contact_mac = c.contact_mac AND b.purpose = c.purpose
          AND b.device_hash = c.device_hash AND b.live_challenge_id = c.id)
      RETURNING c.*
    ),
    counted AS (
      UPDATE contact_budget AS b SET failures = CASE WHEN tried.consumed_at IS NULL THEN b.failures + 1 ELSE 0 END
      FROM tried WHERE b.contact_mac = tried.contact_mac AND b.purpose = tried.purpose
        AND b.device_hash = tried.device_hash
    )
    SELECT id::text, consumed_at IS NOT NULL AS correct, user_id::text, invitation_id::text, contact_mac, code_challenge,
      scope, resource, org FROM tried`,
}

const triedSchema = z.object({
  id: z.string(),
  correct: z.boolean(),
  user_id: z.string().nullable(),
  /** For an address that was nobody's when its code was mailed. */
  invitation_id: z.string().nullable(),
  contact_mac: z.instanceof(Uint8Array),
  code_challenge: z.string(),
  scope: z.string(),
  resource: z.string().nullable(),
  org: z.string().nullable(),
})
export type TriedChallenge = z.infer<typeof triedSchema>

export type Attempt = {
  /** A code is good for what it was mailed for. */
  readonly purpose: 'sign_in' | 'email_change_stop'
  readonly authSessionHash: Uint8Array
  readonly clientId: string
  readonly codeMac: Uint8Array
  /** The authorization code that a correct answer shall have. */
  readonly codeId: string
  readonly retryKeyHash: Uint8Array | null
  readonly maxAttempts: number
}

/** Spends one attempt. Undefined where the challenge cannot be answered (any more); then nothing changed. */
export async function tryCode(db: IdentityDb, attempt: Attempt): Promise<TriedChallenge | undefined> {
  const [row] = await db.sql(TRY_CODE, [
    attempt.authSessionHash,
    attempt.clientId,
    attempt.codeMac,
    attempt.codeId,
    attempt.retryKeyHash,
    attempt.maxAttempts,
    attempt.purpose,
  ])
  return row === undefined ? undefined : triedSchema.parse(row)
}

const FIND_ANSWERED: Statement = {
  name: 'find_answered_challenge',
  text: `SELECT a.id::text FROM otp_challenge c JOIN authorization_code a ON a.id = c.code_id
    WHERE c.auth_session_hash = $1::bytea AND c.client_id = $2::text AND c.code_mac = $3::bytea
      AND c.retry_key_hash = $4::bytea AND a.consumed_at IS NULL AND a.expires_at > meridian_now()`,
}

/** The still unredeemed code that the same request, with the same Idempotency-Key, was given before. */
export async function findAnsweredChallenge(
  db: IdentityDb,
  attempt: Pick<Attempt, 'authSessionHash' | 'clientId' | 'codeMac' | 'retryKeyHash'>,
): Promise<string | undefined> {
  const values = [attempt.authSessionHash, attempt.clientId, attempt.codeMac, attempt.retryKeyHash]
  const [row] = await db.sql(FIND_ANSWERED, values)
  return row === undefined ? undefined : z.object({ id: z.string() }).parse(row).id
}

const FIND_FOR_RESEND: Statement = {
  name: 'find_challenge_for_resend',
  text: `SELECT c.contact_mac, c.code_challenge, c.scope, c.resource, c.org,
      greatest(0, ceil(extract(epoch FROM b.last_sent_at - t.now) + $3::integer))::integer AS wait_seconds,
      greatest(0, ceil(extract(epoch FROM c.expires_at - t.now)))::integer AS expires_in
    FROM (SELECT meridian_now() AS now) t, otp_challenge c
      JOIN contact_budget b ON b.contact_mac = c.contact_mac AND b.purpose = c.purpose
        AND b.device_hash = c.device_hash
    WHERE c.auth_session_hash = $1::bytea AND c.client_id = $2::text AND c.purpose = 'sign_in'
      AND c.consumed_at IS NULL AND c.expires_at > t.now - interval '1 hour'`,
}

const resendSchema = z.object({
  contact_mac: z.instanceof(Uint8Array),
  code_challenge: z.string(),
  scope: z.string(),
  resource: z.string().nullable(),
  org: z.string().nullable(),
  wait_seconds: z.number(),
  expires_in: z.number(),
})

/** The open challenge that a resend asks about, with the seconds until another code can be sent. */
export async function findChallengeForResend(
  db: IdentityDb,
  key: { authSessionHash: Uint8Array; clientId: string },
  resendSeconds: number,
): Promise<z.infer<typeof resendSchema> | undefined> {
  const [row] = await db.sql(FIND_FOR_RESEND, [key.authSessionHash, key.clientId, resendSeconds])
  return row === undefined ? undefined : resendSchema.parse(row)
}

const VOID_SIGN_IN_CODES: Statement = {
  name: 'void_sign_in_codes',
  text: `UPDATE contact_budget SET live_challenge_id = '00000000-0000-0000-0000-000000000000'::uuid
    WHERE contact_mac = $1::bytea AND purpose = 'sign_in'`,
}

/** No code that this contact was mailed for a sign-in works any more; whoever has just answered one is waited for. */
export async function voidSignInCodes(db: IdentityDb, contactMac: Uint8Array): Promise<void> {
  await db.sql(VOID_SIGN_IN_CODES, [contactMac])
}
