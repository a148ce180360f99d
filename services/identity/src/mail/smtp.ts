import { createTransport } from 'nodemailer'
import type { SendMail } from './outbox.ts'

export type SmtpSettings = {
  /** smtp:// or smtps:// with host, port and, if needed, credentials. */
  readonly url: string
  readonly from: string
  /** Whether plain SMTP is refused unless the server offers STARTTLS. */
  readonly requireTls: boolean
}

const TIMEOUT_MS = 10_000

/** Sends over real SMTP through a small pool. The Message-ID is the outbox row's, so a repeat is recognizable. */
export function createSmtpSender(settings: SmtpSettings): { sendMail: SendMail; close(): void } {
  const transport = createTransport({
    url: settings.url,
    pool: true,
    maxConnections: 4,
    requireTLS: settings.requireTls,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const domain = /@([^>\s]+)/.exec(settings.from)?.[1] ?? 'localhost'
  return {
    sendMail: async (mail, messageId) => {
      await transport.sendMail({
        from: settings.from,
        to: { name: '', address: mail.to },
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        messageId: `<${messageId}@${domain}>`,
        headers: { 'Auto-Submitted': 'auto-generated' },
      })
    },
    close: () => transport.close(),
  }
}
