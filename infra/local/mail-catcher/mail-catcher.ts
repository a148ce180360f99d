// The local stack's mail server: takes every mail over SMTP (RFC 5321), sends none, and shows them on a page.
// For development only: no authentication and no TLS, so it listens on loopback and nowhere else.
// mailbox.ts keeps the mail, smtp.ts takes it in, page-server.ts and page.* show it, main.ts runs it alone.
// Who sends the mail here: services/identity/src/mail.
import { openMailbox } from './mailbox.ts'
import { startPageServer } from './page-server.ts'
import { startSmtp } from './smtp.ts'

const LOOPBACK_HOSTS = ['127.0.0.1', '::1', 'localhost']

export interface MailCatcherOptions {
  /** 0 takes any free port. */
  smtpPort: number
  /** 0 takes any free port. */
  httpPort: number
  host?: string
  /** Where mail survives a restart; without it, mail is kept in memory alone. */
  folder?: string | undefined
  log: (line: string) => void
  now?: () => Date
}

export interface MailCatcher {
  smtpPort: number
  httpPort: number
  stop: () => Promise<void>
}

/** Throws when the host is not loopback or a port is taken; nothing is left open then. */
export async function startMailCatcher(options: MailCatcherOptions): Promise<MailCatcher> {
  const { host = '127.0.0.1', folder, log, now = () => new Date() } = options
  if (!LOOPBACK_HOSTS.includes(host)) {
    throw new Error(`The mail catcher listens on loopback only, not on ${host}: anyone who reaches it reads every code`)
  }
  const mailbox = await openMailbox({ folder, log })
  const smtp = await startSmtp({ host, port: options.smtpPort, mailbox, now, log })
  try {
    const pageServer = await startPageServer({ host, port: options.httpPort, smtpPort: smtp.port, mailbox, log })
    // Only now: holding both ports proves that no other catcher is using this folder.
    await mailbox.compact()
    return {
      smtpPort: smtp.port,
      httpPort: pageServer.port,
      stop: async () => {
        await Promise.all([smtp.stop(), pageServer.stop()])
        await mailbox.settled()
      },
    }
  } catch (error) {
    await smtp.stop()
    throw error
  }
}
