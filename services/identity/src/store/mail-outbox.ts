import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import { liveInvitation } from './invitation-answers.ts'
import type { IdentityDb } from './open-store.ts'

const QUEUE_MAIL: Statement = {
  name: 'queue_mail',
  text: `INSERT INTO mail_outbox (id, kind, contact_mac, sealed_mail, status, expires_at)
    VALUES ($1::uuid, $2::text, $3::bytea, $4::bytea, 'pending', meridian_now() + make_interval(secs => $5::integer))`,
}

export type QueuedMail = {
  readonly id: string
  readonly kind: string
  readonly contactMac: Uint8Array
  readonly sealedMail: Uint8Array
  readonly ttlSeconds: number
}

export async function queueMail(db: IdentityDb, mail: QueuedMail): Promise<void> {
  await db.sql(QUEUE_MAIL, [mail.id, mail.kind, mail.contactMac, mail.sealedMail, mail.ttlSeconds])
}

/** A sign-in code's mail has the id of its challenge: once a newer code took its place, it is of no use any more. */
const IS_OLDER_CODE = `m.kind = 'sign_in_code' AND NOT EXISTS (
  SELECT FROM contact_budget b WHERE b.contact_mac = m.contact_mac AND b.live_challenge_id = m.id)`

/** The invitation that it tells of was answered or taken back, has expired, or its organization has closed. */
const IS_OF_DEAD_INVITATION = `m.invitation_id IS NOT NULL AND NOT EXISTS (${liveInvitation('m.invitation_id')})`

const IS_OVERTAKEN = `(${IS_OLDER_CODE} OR ${IS_OF_DEAD_INVITATION})`

// A row is claimed by moving its next attempt ahead: a worker that dies gives it back when that time comes.
const CLAIM_MAIL: Statement = {
  name: 'claim_mail',
  text: `UPDATE mail_outbox SET attempts = attempts + 1,
      next_attempt_at = meridian_now() + make_interval(secs => least(15 * 2 ^ least(attempts, 6), 600))
    WHERE id IN (
      SELECT m.id FROM mail_outbox m
      WHERE m.status = 'pending' AND m.next_attempt_at <= meridian_now() AND m.expires_at > meridian_now()
        AND NOT ${IS_OVERTAKEN}
      ORDER BY m.created_at DESC LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING id::text, kind, sealed_mail`,
}

const claimedSchema = z.object({ id: z.string(), kind: z.string(), sealed_mail: z.instanceof(Uint8Array) })
export type ClaimedMail = z.infer<typeof claimedSchema>

/** Takes up to `limit` due mails, newest first, for this worker alone. */
export async function claimMail(db: IdentityDb, limit: number): Promise<readonly ClaimedMail[]> {
  const rows = await db.sql(CLAIM_MAIL, [limit])
  return rows.map((row) => claimedSchema.parse(row))
}

const SETTLE_MAIL: Statement = {
  name: 'settle_mail',
  text: `UPDATE mail_outbox SET status = $2::text, settled_at = meridian_now(), sealed_mail = NULL, last_error = $3::text
    WHERE id = $1::uuid AND status = 'pending'`,
}

/** Ends a mail as sent or as refused for good, and erases what it said. */
export async function settleMail(
  db: IdentityDb,
  id: string,
  status: 'sent' | 'failed',
  error: string | null,
): Promise<void> {
  await db.sql(SETTLE_MAIL, [id, status, error])
}

const NOTE_MAIL_ERROR: Statement = {
  name: 'note_mail_error',
  text: `UPDATE mail_outbox SET last_error = $2::text WHERE id = $1::uuid AND status = 'pending'`,
}

export async function noteMailError(db: IdentityDb, id: string, error: string): Promise<void> {
  await db.sql(NOTE_MAIL_ERROR, [id, error])
}

const EXPIRE_MAIL: Statement = {
  name: 'expire_mail',
  text: `UPDATE mail_outbox SET status = CASE status WHEN 'pending' THEN 'expired' ELSE status END,
      settled_at = meridian_now(), sealed_mail = NULL
    WHERE id IN (SELECT id FROM mail_outbox WHERE expires_at <= meridian_now() AND sealed_mail IS NOT NULL
      ORDER BY expires_at LIMIT 500 FOR UPDATE SKIP LOCKED)
    RETURNING id::text, status`,
}

const DROP_OVERTAKEN: Statement = {
  name: 'drop_overtaken_mail',
  text: `UPDATE mail_outbox SET status = 'expired', settled_at = meridian_now(), sealed_mail = NULL
    WHERE id IN (SELECT m.id FROM mail_outbox m WHERE m.status = 'pending' AND ${IS_OVERTAKEN}
      LIMIT 500 FOR UPDATE OF m SKIP LOCKED)
    RETURNING id::text`,
}

export type UnsentMail = { readonly overtaken: number; readonly expired: number }

/** Gives up what is of no use any more and what came too late, and erases what suppressed mails said. */
export async function giveUpMail(db: IdentityDb): Promise<UnsentMail> {
  const overtaken = await db.sql(DROP_OVERTAKEN, [])
  const rows = await db.sql(EXPIRE_MAIL, [])
  return { overtaken: overtaken.length, expired: rows.filter((row) => row['status'] === 'expired').length }
}
