// A key set endpoint for tests, over real HTTP, that behaves as it is told to.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void

export interface JwksServer {
  url: string
  requests: IncomingMessage[]
  behave(next: Behaviour): void
}

export function answer(
  body: unknown,
  options: { status?: number; headers?: Record<string, string>; type?: string | undefined } = {},
): Behaviour {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return (_request, response) => {
    const type = 'type' in options ? options.type : 'application/jwk-set+json'
    if (type !== undefined) response.setHeader('content-type', type)
    response.writeHead(options.status ?? 200, options.headers).end(text)
  }
}

export async function startJwksServer(t: Test, first: Behaviour): Promise<JwksServer> {
  let behaviour = first
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    behaviour(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    requests,
    behave: (next) => {
      behaviour = next
    },
  }
}
