// What is under way at the hosted pages: a challenge with its sealed interaction, found by handle and browser.
import type { Statement } from '@meridian/database/database'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const FIND_FLOW: Statement = {
  name: 'find_page_flow',
  text: `SELECT c.client_id, c.interaction, c.consumed_at IS NOT NULL AS consumed, c.expires_at <= t.now AS expired,
      greatest(0, ceil(extract(epoch FROM c.expires_at - t.now)))::integer AS expires_in,
      greatest(0, ceil(extract(epoch FROM b.last_sent_at - t.now) + $2::integer))::integer AS resend_in
    FROM (SELECT meridian_now() AS now) t, otp_challenge c
      JOIN contact_budget b ON b.contact_mac = c.contact_mac AND b.purpose = c.purpose
        AND b.device_hash = c.device_hash
    WHERE c.auth_session_hash = $1::bytea AND c.purpose = $3::text AND c.interaction IS NOT NULL`,
}

const flowSchema = z.object({
  client_id: z.string(),
  interaction: z.instanceof(Uint8Array),
  consumed: z.boolean(),
  expired: z.boolean(),
  /** Seconds. */
  expires_in: z.number(),
  resend_in: z.number(),
})

export type FlowPurpose = 'sign_in' | 'email_change_stop'

export async function findPageFlow(
  db: IdentityDb,
  purpose: FlowPurpose,
  authSessionHash: Uint8Array,
  resendSeconds: number,
): Promise<z.infer<typeof flowSchema> | undefined> {
  const [row] = await db.sql(FIND_FLOW, [authSessionHash, resendSeconds, purpose])
  return row === undefined ? undefined : flowSchema.parse(row)
}

const FIND_ANSWERED_FLOW: Statement = {
  name: 'find_answered_flow',
  text: `SELECT c.id::text FROM otp_challenge c, (SELECT meridian_now() AS now) t
    WHERE c.auth_session_hash = $1::bytea AND c.code_mac = $2::bytea AND c.purpose = $4::text
      AND c.interaction IS NOT NULL AND c.consumed_at > t.now - make_interval(secs => $3::integer)`,
}

/** The challenge that this browser answered rightly a moment ago, with the same code. */
export async function findAnsweredFlow(
  db: IdentityDb,
  purpose: FlowPurpose,
  answer: { authSessionHash: Uint8Array; codeMac: Uint8Array },
  withinSeconds: number,
): Promise<string | undefined> {
  const [row] = await db.sql(FIND_ANSWERED_FLOW, [answer.authSessionHash, answer.codeMac, withinSeconds, purpose])
  return row === undefined ? undefined : z.object({ id: z.string() }).parse(row).id
}

const REMEMBER_DEVICE: Statement = {
  name: 'remember_device',
  text: `INSERT INTO known_device (device_hash, contact_mac, used_at) VALUES ($1::bytea, $2::bytea, meridian_now())
    ON CONFLICT (device_hash, contact_mac) DO UPDATE SET used_at = excluded.used_at`,
}

/** From now on this device has a budget of its own for this contact. */
export async function rememberDevice(db: IdentityDb, deviceHash: Uint8Array, contactMac: Uint8Array): Promise<void> {
  await db.sql(REMEMBER_DEVICE, [deviceHash, contactMac])
}

const PROVE_MAILBOX: Statement = {
  name: 'prove_mailbox',
  text: `UPDATE user_account SET email_verified_at = meridian_now()
    WHERE id = $1::uuid AND email_verified_at IS NULL RETURNING id::text`,
}

/** Notes that a code came back from the person's mailbox. Resolves to whether it was the first. */
export async function proveMailbox(db: IdentityDb, userId: string): Promise<boolean> {
  return (await db.sql(PROVE_MAILBOX, [userId])).length === 1
}
