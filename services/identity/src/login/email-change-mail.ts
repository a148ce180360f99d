import type { Deps } from '../deps.ts'
import type { OutboxMail } from '../mail/message.ts'
import { sealMail } from '../mail/sealed-mail.ts'
import { queueMail } from '../store/mail-outbox.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { contactMac } from './one-time-code.ts'

/** A notice is worth nothing once it is older: an hour without mail it must survive. */
export const NOTICE_TTL_SECONDS = 86_400

/** The page where a change is stopped or undone. The same for everybody: the code is what proves the address. */
export function stopUrlOf({ issuer }: Deps['settings']): string {
  return `${issuer}/email-change/stop`
}

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
