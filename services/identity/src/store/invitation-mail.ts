import type { Statement } from '@meridian/database/database'
import { takeSend } from './contact-budget.ts'
import type { QueuedMail } from './mail-outbox.ts'
import type { IdentityDb } from './open-store.ts'

// The budget is the address's own, whichever organizations invite it.
const QUEUE: Statement = {
  name: 'queue_invitation_mail',
  text: `WITH t AS (SELECT meridian_now() AS now),
    ${takeSend({
      name: 'allowed',
      contact: '$3::bytea',
      purpose: 'invitation',
      device: "''::bytea",
      challengeId: '$1::uuid',
      from: 't',
      resendSeconds: '0',
      sendsPerHour: '$6::integer',
      sendsPerDay: '$6::integer',
      failuresBeforeSlow: '1',
    })}
    INSERT INTO mail_outbox
      (id, kind, contact_mac, sealed_mail, invitation_id, status, created_at, next_attempt_at, expires_at)
    SELECT $1::uuid, $2::text, $3::bytea, $4::bytea, $7::uuid,
      CASE WHEN EXISTS (SELECT FROM allowed) THEN 'pending' ELSE 'suppressed' END,
      t.now, t.now, t.now + make_interval(secs => $5::integer) FROM t`,
}

export type InvitationMail = QueuedMail & { readonly invitationId: string }

/** Queues the mail, for as long as the invitation waits; one beyond what the address may be sent in a day is written down and stays here. */
export async function queueInvitationMail(db: IdentityDb, mail: InvitationMail, mailsPerDay: number): Promise<void> {
  const { id, kind, contactMac, sealedMail, ttlSeconds, invitationId } = mail
  await db.sql(QUEUE, [id, kind, contactMac, sealedMail, ttlSeconds, mailsPerDay, invitationId])
}
