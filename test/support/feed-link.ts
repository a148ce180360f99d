// A link between two services, or a service and its database, to do to it what networks do: cut it, delay it, make it
// narrow, or swallow what goes through without a word.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type Link = {
  readonly port: number
  /** The given address by way of the link. */
  through(url: string): string
  /** How often something was done to it. */
  readonly faults: () => number
  /** Ends every connection; new ones are let in. */
  cut(): void
  /** Ends every connection, and refuses new ones until `heal`. */
  breakOff(): void
  /** Holds back each piece, either way, for so long, until `heal`. */
  delay(ms: number): void
  /** Lets through so much, either way, until `heal`. */
  throttle(bytesPerSecond: number): void
  /** Swallows everything on old and new connections, which stay open. `heal` ends those, unless they are to stay dead. */
  blackHole(): void
  heal(options?: { readonly leaveDead: boolean }): void
  /** New connections go there; old ones end. */
  leadTo(port: number): void
  /** What clients send is sent on as this makes it. */
  rewrite(change: ((text: string) => string) | undefined): void
  /** What servers answer is passed on as this makes it, piece by piece. */
  rewriteAnswers(change: ((text: string) => string) | undefined): void
  stop(): Promise<void>
}

type Connection = { readonly client: Socket; readonly server: Socket; isDead: boolean }

export async function openLink(target: { readonly host: string; readonly port: number }): Promise<Link> {
  const connections = new Set<Connection>()
  let faults = 0
  let leadsTo = target.port
  let isBroken = false
  let isHole = false
  let delayMs = 0
  let bytesPerSecond = Number.POSITIVE_INFINITY
  let rewriting: ((text: string) => string) | undefined
  let rewritingAnswers: ((text: string) => string) | undefined

  function end(connection: Connection): void {
    connections.delete(connection)
    connection.client.destroy()
    connection.server.destroy()
  }

  /** Piece by piece, so that order is kept; whoever sends faster is made to wait. */
  async function carry(connection: Connection, from: Socket, to: Socket, change: (piece: Buffer) => Buffer) {
    for await (const piece of from) {
      if (isHole) connection.isDead = true
      if (connection.isDead) continue
      const waitMs = delayMs + ((piece as Buffer).length / bytesPerSecond) * 1000
      if (waitMs > 0) await sleep(waitMs)
      if (connection.isDead) continue
      if (!to.write(change(piece as Buffer)))
        await new Promise((resolve) => to.once('drain', resolve).once('close', resolve))
    }
    if (!connection.isDead) to.end()
  }

  const server = createServer((client) => {
    if (isBroken) {
      client.destroy()
      return
    }
    const connection = { client, server: connect(leadsTo, target.host), isDead: isHole }
    connections.add(connection)
    for (const socket of [client, connection.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => end(connection)).on('close', () => !connection.isDead && end(connection))
    }
    const changed = (piece: Buffer, change: ((text: string) => string) | undefined) =>
      change === undefined ? piece : Buffer.from(change(piece.toString('latin1')), 'latin1')
    carry(connection, client, connection.server, (piece) => changed(piece, rewriting)).catch(() => end(connection))
    carry(connection, connection.server, client, (piece) => changed(piece, rewritingAnswers)).catch(() =>
      end(connection),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const cutAll = () => {
    for (const connection of [...connections]) end(connection)
  }

  return {
    port,
    faults: () => faults,
    through: (address) => {
      const url = new URL(address)
      url.hostname = '127.0.0.1'
      url.port = String(port)
      return url.href
    },
    cut: () => {
      faults += 1
      cutAll()
    },
    breakOff: () => {
      faults += 1
      isBroken = true
      cutAll()
    },
    delay: (ms) => {
      faults += 1
      delayMs = ms
    },
    throttle: (rate) => {
      faults += 1
      bytesPerSecond = rate
    },
    blackHole: () => {
      faults += 1
      isHole = true
      for (const connection of connections) connection.isDead = true
    },
    heal: ({ leaveDead } = { leaveDead: false }) => {
      isBroken = false
      isHole = false
      delayMs = 0
      bytesPerSecond = Number.POSITIVE_INFINITY
      if (!leaveDead) for (const connection of [...connections]) if (connection.isDead) end(connection)
    },
    leadTo: (next) => {
      faults += 1
      leadsTo = next
      cutAll()
    },
    rewrite: (change) => {
      rewriting = change
    },
    rewriteAnswers: (change) => {
      rewritingAnswers = change
    },
    stop: () => {
      cutAll()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
