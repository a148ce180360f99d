import type { Deps } from '../deps.ts'
import { contactMac } from '../secrets/contact-mac.ts'
import { queueMail } from '../store/mail-outbox.ts'
import type { IdentityDb } from '../store/open-store.ts'
import type { OutboxMail } from './message.ts'
import { sealMail } from './sealed-mail.ts'

/** A notice is worth nothing once it is older: an hour without mail it must survive. */
export const NOTICE_TTL_SECONDS = 86_400

/** Queues a notice within the transaction that it tells of. */
export function queueNotice(
  deps: Pick<Deps, 'secrets' | 'makeId' | 'randomBytes'>,
  db: IdentityDb,
  mail: OutboxMail,
): Promise<void> {
  return queueMail(db, {
    id: deps.makeId(),
    kind: mail.kind,
    contactMac: contactMac(deps.secrets, mail.to),
    sealedMail: sealMail(deps.secrets, mail, deps.randomBytes),
    ttlSeconds: NOTICE_TTL_SECONDS,
  })
}
