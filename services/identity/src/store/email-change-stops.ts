// From the old address: what can be stopped or undone, the code that proves the address, and the stop itself.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { type ContactLimits, takeSend } from './contact-budget.ts'
import type { IdentityDb } from './open-store.ts'

/** Open, or committed and still to be undone. */
const IS_LIVE = `e.stopped_at IS NULL
  AND CASE WHEN e.committed_at IS NULL THEN e.expires_at > t.now ELSE e.undo_until > t.now END`

const TAKE_SEND = takeSend({
  name: 'allowed',
  contact: '$3::bytea',
  purpose: 'email_change_stop',
  device: 'device.hash',
  challengeId: '$1::uuid',
  from: 't, device',
  resendSeconds: '$9::integer',
  sendsPerHour: '$10::integer',
  sendsPerDay: '$11::integer',
  failuresBeforeSlow: '$12::integer',
})

// As START_CHALLENGE of otp-challenges.ts: one statement for every address, whether there is anything to stop or not.
const START_STOP: Statement = {
  name: 'start_email_change_stop',
  text: `WITH t AS (SELECT meridian_now() AS now),
    person AS (SELECT u.id FROM t, email_change e JOIN user_account u ON u.id = e.user_id
      WHERE e.old_email = $4::text AND ${IS_LIVE} AND u.status <> 'deleted' LIMIT 1),
    device AS (SELECT coalesce((SELECT k.device_hash FROM known_device k
      WHERE k.device_hash = $7::bytea AND k.contact_mac = $3::bytea), ''::bytea) AS hash),
    ${TAKE_SEND},
    queued AS (
      INSERT INTO mail_outbox (id, kind, contact_mac, sealed_mail, status, created_at, next_attempt_at, expires_at)
      SELECT $1::uuid, 'email_change_stop_code', $3::bytea, $6::bytea,
        CASE WHEN EXISTS (SELECT FROM person) AND EXISTS (SELECT FROM allowed) THEN 'pending' ELSE 'suppressed' END,
        t.now, t.now, t.now + make_interval(secs => $13::integer)
      FROM t
    )
    INSERT INTO otp_challenge (id, auth_session_hash, contact_mac, purpose, client_id, user_id, code_mac,
      code_challenge, scope, sent, created_at, expires_at, device_hash, interaction)
    SELECT $1::uuid, $2::bytea, $3::bytea, 'email_change_stop', '', (SELECT id FROM person), $5::bytea, '', '',
      EXISTS (SELECT FROM allowed), t.now, t.now + make_interval(secs => $13::integer), device.hash, $8::bytea
    FROM t, device`,
}

export type NewStop = {
  readonly challengeId: string
  readonly authSessionHash: Uint8Array
  readonly contactMac: Uint8Array
  readonly email: string
  readonly codeMac: Uint8Array
  readonly sealedMail: Uint8Array
  readonly deviceHash: Uint8Array
  /** What the page goes on with, sealed. */
  readonly interaction: Uint8Array
}

/** Writes the challenge and its mail, which leaves only where there is a change from this address to stop or undo. */
export async function startStop(db: IdentityDb, stop: NewStop, limits: ContactLimits): Promise<void> {
  await db.sql(START_STOP, [
    stop.challengeId,
    stop.authSessionHash,
    stop.contactMac,
    stop.email,
    stop.codeMac,
    stop.sealedMail,
    stop.deviceHash,
    stop.interaction,
    limits.resendSeconds,
    limits.sendsPerHour,
    limits.sendsPerDay,
    limits.failuresBeforeSlow,
    limits.ttlSeconds,
  ])
}

// The first change that took the account away from this address, and whatever came after it: one who took an account
// over must not keep it by changing its address twice. Whether it was committed is read under its lock.
const CLOSE_CHANGES: Statement = {
  name: 'close_email_changes',
  text: `WITH t AS (SELECT meridian_now() AS now),
    chosen AS (SELECT e.id, e.committed_at FROM t, email_change e
      WHERE e.user_id = $1::uuid AND e.old_email = $2::text AND ${IS_LIVE}
      ORDER BY e.committed_at NULLS LAST, e.id LIMIT 1),
    closed AS (
      UPDATE email_change e SET stopped_at = t.now FROM t, chosen
      WHERE e.user_id = $1::uuid AND e.stopped_at IS NULL
        AND (e.id = chosen.id OR e.committed_at IS NULL OR e.committed_at > chosen.committed_at)
      RETURNING e.id, e.committed_at, e.id = chosen.id AS is_chosen
    )
    SELECT id::text, committed_at IS NOT NULL AS committed FROM closed WHERE is_chosen`,
}

const closedSchema = z.object({ id: z.string(), committed: z.boolean() })
export type ClosedChange = z.infer<typeof closedSchema>

/** Ends what can be stopped from this address; undefined where there is nothing. The caller undoes what was committed. */
export async function closeChanges(
  db: IdentityDb,
  userId: string,
  oldEmail: string,
): Promise<ClosedChange | undefined> {
  const [row] = await db.sql(CLOSE_CHANGES, [userId, oldEmail])
  return row === undefined ? undefined : closedSchema.parse(row)
}

const RESTORE_EMAIL: Statement = {
  name: 'restore_email',
  text: `UPDATE user_account SET email = $2::text, email_verified_at = meridian_now(), version = version + 1
    WHERE id = $1::uuid RETURNING id::text`,
}

/** Gives the person the address back that a code has just proved theirs. */
export async function restoreEmail(db: IdentityDb, userId: string, email: string): Promise<void> {
  await db.sql(RESTORE_EMAIL, [userId, email])
}

const FIND_LAST_STOPPED: Statement = {
  name: 'find_last_stopped_email_change',
  text: `SELECT id::text, committed_at IS NOT NULL AS committed FROM email_change
    WHERE old_email = $1::text AND stopped_at IS NOT NULL ORDER BY stopped_at DESC, committed_at NULLS LAST LIMIT 1`,
}

/** What the last stop from this address has ended. */
export async function findLastStopped(db: IdentityDb, oldEmail: string): Promise<ClosedChange | undefined> {
  const [row] = await db.sql(FIND_LAST_STOPPED, [oldEmail])
  return row === undefined ? undefined : closedSchema.parse(row)
}
