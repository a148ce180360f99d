// Where the measured service's mail goes: an SMTP server on loopback that keeps the newest code for each address.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'

export type MailDrop = {
  readonly port: number
  /** Waits until each of these addresses has mail; gives the codes in the same order, and forgets them. */
  codesFor(addresses: readonly string[]): Promise<readonly string[]>
  stop(): Promise<void>
}

const WAIT_MS = 60_000

export async function startMailDrop(): Promise<MailDrop> {
  const codes = new Map<string, string>()
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    onData: (stream, session, reply) => {
      const keep = async () => {
        const mail = await PostalMime.parse(await text(stream))
        const code = /\b[0-9]{6}\b/.exec(mail.text ?? '')?.[0]
        for (const { address } of session.envelope.rcptTo) if (code !== undefined) codes.set(address, code)
      }
      keep().then(
        () => reply(null, 'Kept'),
        (error: Error) => reply(error),
      )
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    port: (server.server.address() as AddressInfo).port,
    codesFor: async (addresses) => {
      const givesUpAt = performance.now() + WAIT_MS
      while (!addresses.every((address) => codes.has(address))) {
        if (performance.now() > givesUpAt) throw new Error(`only ${codes.size} of ${addresses.length} mails came`)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const found = addresses.map((address) => codes.get(address) ?? '')
      codes.clear()
      return found
    },
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
