// The outbox: mail is queued in the transaction that causes it and sent later, off every request's path.
// The queue holds sealed facts (store/mail-outbox.ts); texts are in templates.ts; SMTP is in smtp.ts.
// The worker keeps its own pace and is never woken by a request, so no answer's time tells whether mail went out.
import type { Logger } from '@meridian/service-kit/logger'
import type { Secrets } from '../secrets/secrets.ts'
import { claimMail, giveUpMail, noteMailError, settleMail } from '../store/mail-outbox.ts'
import type { IdentityDb } from '../store/open-store.ts'
import type { RenderedMail } from './message.ts'
import { openMail } from './sealed-mail.ts'
import { renderMail } from './templates.ts'

const BATCH_MAILS = 10
const POLL_MS = 400

/** Delivers one mail or throws. An SMTP 5xx about the recipient or the content ends the mail; all else is tried again. */
export type SendMail = (mail: RenderedMail, messageId: string) => Promise<void>

export type OutboxOptions = {
  readonly db: IdentityDb
  readonly secrets: Pick<Secrets, 'sealKeys'>
  readonly sendMail: SendMail
  readonly productName: string
  readonly log: Logger
}

/** Sends what is due, once through. Resolves to how many mails it took up. */
export async function drainOutbox(options: OutboxOptions): Promise<number> {
  const { db, log } = options
  const { overtaken, expired } = await giveUpMail(db)
  if (overtaken > 0) log.info({ overtaken }, 'mail was not sent: a newer code or the end of an invitation overtook it')
  if (expired > 0) log.warn({ expired }, 'mail expired before it could be sent')
  const claimed = await claimMail(db, BATCH_MAILS)
  await Promise.all(claimed.map((mail) => deliver(options, mail)))
  return claimed.length
}

async function deliver(
  options: OutboxOptions,
  claimed: { id: string; kind: string; sealed_mail: Uint8Array },
): Promise<void> {
  const { db, log } = options
  try {
    const mail = openMail(options.secrets, claimed.sealed_mail)
    await options.sendMail(renderMail(mail, options.productName), claimed.id)
    await settleMail(db, claimed.id, 'sent', null)
  } catch (error) {
    const reason = reasonOf(error)
    log.warn({ mail: claimed.id, kind: claimed.kind, reason }, 'mail was not sent')
    if (isPermanent(error)) await settleMail(db, claimed.id, 'failed', reason)
    else await noteMailError(db, claimed.id, reason)
  }
}

/** SMTP's reply code and the step that failed; never the server's text, which may quote the mail. */
function reasonOf(error: unknown): string {
  const { code, responseCode, command, name } = error as Record<string, unknown>
  return [name, code, responseCode, command].filter((part) => part !== undefined).join(' ')
}

function isPermanent(error: unknown): boolean {
  const { responseCode, command } = error as { responseCode?: unknown; command?: unknown }
  const aboutThisMail = command === 'RCPT TO' || command === 'DATA'
  return aboutThisMail && typeof responseCode === 'number' && responseCode >= 500
}

export type OutboxWorker = { stop(): Promise<void> }

export function startOutboxWorker(options: OutboxOptions): OutboxWorker {
  let stopped = false
  let wake: () => void = () => {}
  const loop = async () => {
    while (!stopped) {
      const taken = await drainOutbox(options).catch((error: unknown) => {
        options.log.error({ err: error }, 'the outbox could not be drained')
        return 0
      })
      if (taken < BATCH_MAILS && !stopped) {
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, POLL_MS)
        })
      }
    }
  }
  const running = loop()
  return {
    stop: async () => {
      stopped = true
      wake()
      await running
    },
  }
}
