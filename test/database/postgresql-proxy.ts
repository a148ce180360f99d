// Stands between a pool and PostgreSQL, to lose what a network can lose.
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

export type Proxy = {
  /** The database's address, by way of the proxy. */
  readonly url: string
  /** Cuts the next connection on which the server says `reply`, which is not passed on. */
  cutAt(reply: string): void
  /** Keeps back what clients send, until `passOn`. */
  hold(): void
  passOn(): void
}

export async function startProxy(t: Test, serverUrl: string): Promise<Proxy> {
  const { hostname, port } = new URL(serverUrl)
  const clients = new Set<Socket>()
  let cutAt: string | undefined
  const proxy = createServer((client) => {
    const server = connect(Number(port || 5432), hostname)
    clients.add(client)
    const cut = () => {
      clients.delete(client)
      client.destroy()
      server.destroy()
    }
    server.on('data', (reply) => {
      if (cutAt === undefined || !reply.includes(cutAt)) return client.write(reply)
      cutAt = undefined
      return cut()
    })
    client.pipe(server)
    for (const socket of [client, server]) socket.on('error', cut).on('close', cut)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.close()
    for (const client of clients) client.destroy()
  })
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String((proxy.address() as AddressInfo).port)
  return {
    url: url.href,
    cutAt: (reply) => {
      cutAt = reply
    },
    hold: () => {
      for (const client of clients) client.pause()
    },
    passOn: () => {
      for (const client of clients) client.resume()
    },
  }
}
