import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

const BATCH_ROWS = 500

/** No family is left, nor can a code open one any more; what a reused token ended stays in its owner's list a month. */
const SESSION_IS_OVER = `created_at < meridian_now() - interval '2 days'
  AND (revoked_reason IS DISTINCT FROM 'reuse' OR revoked_at < meridian_now() - interval '30 days')
  AND NOT EXISTS (SELECT FROM refresh_token_family f WHERE f.session_id = session.id)`

/** A month after nothing could be undone any more; the first condition is the index's. */
const CHANGE_IS_OVER = `created_at < meridian_now() - interval '30 days'
  AND coalesce(undo_until, expires_at) < meridian_now() - interval '30 days'`

/** Managers see for three months what became of it; the first condition is the index's. */
const INVITATION_IS_OVER = `expires_at < meridian_now() - interval '90 days'
  AND coalesce(settled_at, expires_at) < meridian_now() - interval '90 days'`

/** Given up, and kept from nobody any more: the audit has what it was. */
const DOMAIN_IS_OVER = `status = 'released' AND coalesce(quarantine_until, released_at) <= meridian_now()`

/** What is over and of no further use: table, key columns, and the condition under which a row may go. */
const PURGED = [
  // A moment longer than they are good for: an insert that began in time must still find the row.
  ['client_assertion', 'client_id, jti_hash', "expires_at < meridian_now() - interval '1 minute'"],
  ['job', 'id', "finished_at < meridian_now() - interval '30 days'"],
  ['invitation', 'id', INVITATION_IS_OVER],
  ['otp_challenge', 'id', "expires_at < meridian_now() - interval '2 days'"],
  ['contact_budget', 'contact_mac, purpose, device_hash', "last_sent_at < meridian_now() - interval '30 days'"],
  ['known_device', 'device_hash, contact_mac', "used_at < meridian_now() - interval '400 days'"],
  ['email_change', 'id', CHANGE_IS_OVER],
  // The events stay, and prove what they say without it.
  ['audit_personal', 'event_id', "written_at < meridian_now() - interval '400 days'"],
  ['authorization_code', 'id', "expires_at < meridian_now() - interval '1 day'"],
  ['idempotency', 'scope, key_hash', 'expires_at < meridian_now()'],
  ['mail_outbox', 'id', "expires_at < meridian_now() - interval '7 days'"],
  ['refresh_token_family', 'id', "absolute_expires_at < meridian_now() - interval '7 days'"],
  ['session', 'id', SESSION_IS_OVER],
  ['sign_on_session', 'id', "absolute_expires_at < meridian_now() - interval '30 days'"],
  // As long as a region may have to be told: the longest token and 1 h 5 min.
  ['revocation', 'seq', "created_at < meridian_now() - interval '80 minutes'"],
  ['organization_domain', 'id', DOMAIN_IS_OVER],
  ['slug_alias', 'slug', "kept_until < meridian_now() - interval '1 day'"],
  ['signing_key', 'kid', "status = 'retired' AND retired_at < meridian_now() - interval '400 days'"],
] as const

const STATEMENTS: readonly Statement[] = PURGED.map(([table, key, condition]) => ({
  name: `purge_${table}`,
  text: `DELETE FROM ${table} WHERE (${key}) IN (
      SELECT ${key} FROM ${table} WHERE ${condition} LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED)
    RETURNING 1 AS gone`,
}))

/** Deletes what is over, in batches that never hold a lock for long. Resolves to how many rows went. */
export async function purgeExpired(db: IdentityDb): Promise<number> {
  let total = 0
  for (const statement of STATEMENTS) {
    for (let gone = BATCH_ROWS; gone === BATCH_ROWS; ) {
      gone = (await db.sql(statement, [])).length
      total += gone
    }
  }
  return total
}
