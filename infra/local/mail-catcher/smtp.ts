import type { AddressInfo } from 'node:net'
import PostalMime from 'postal-mime'
import type { SMTPServerDataStream, SMTPServerSession } from 'smtp-server'
import { SMTPServer } from 'smtp-server'
import type { Mailbox } from './mailbox.ts'

const MAX_MAIL_BYTES = 1024 * 1024
const MAX_CLIENTS = 32
const MAX_RECIPIENTS = 50
const IDLE_TIMEOUT_MS = 30_000
/** How long stop() waits for clients that hold a connection open. */
const CLOSE_TIMEOUT_MS = 250

interface SmtpOptions {
  host: string
  port: number
  mailbox: Mailbox
  now: () => Date
  log: (line: string) => void
}

export async function startSmtp(options: SmtpOptions): Promise<{ port: number; stop: () => Promise<void> }> {
  const { host, port, log } = options
  const server = new SMTPServer({
    name: 'localhost',
    banner: 'Meridian local mail',
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    size: MAX_MAIL_BYTES,
    rejectOversized: true,
    maxClients: MAX_CLIENTS,
    maxRecipients: MAX_RECIPIENTS,
    socketTimeout: IDLE_TIMEOUT_MS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    onData: (stream, session, reply) => {
      takeIn(stream, session, options).then(
        () => reply(null, 'Caught'),
        (error: Error) => {
          log(`Refused a mail: ${error.message}`)
          reply(Object.assign(new Error('This mail cannot be read or kept'), { responseCode: 554 }))
        },
      )
    },
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  server.on('error', (error: Error) => log(`SMTP: ${error.message}`))
  return {
    port: (server.server.address() as AddressInfo).port,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

async function takeIn(stream: SMTPServerDataStream, session: SMTPServerSession, options: SmtpOptions): Promise<void> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) {
    if (stream.sizeExceeded) chunks.length = 0
    else chunks.push(chunk)
  }
  // The server itself answers 552 to what is too large.
  if (stream.sizeExceeded) return
  const email = await PostalMime.parse(Buffer.concat(chunks))
  const recipients = session.envelope.rcptTo.map((recipient) => recipient.address)
  await options.mailbox.deliver(recipients, {
    subject: email.subject ?? '',
    text: email.text ?? '',
    html: email.html ?? null,
    at: options.now().toISOString(),
  })
  options.log(`Caught a mail to ${recipients.length === 1 ? recipients[0] : `${recipients.length} recipients`}`)
}
