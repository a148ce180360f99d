import { type CentreOptions, createCentreToken } from './centre-token.ts'

export interface Centre {
  /** One request as this region; a token that the centre no longer takes is renewed once. */
  ask(path: string, signal: AbortSignal, init?: { method: string; body?: unknown }): Promise<Response>
}

export function createCentre(options: CentreOptions): Centre {
  const centreToken = createCentreToken(options)

  async function send(path: string, signal: AbortSignal, init?: { method: string; body?: unknown }): Promise<Response> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${await centreToken.get(signal)}`,
      accept: 'application/json',
    }
    const request: RequestInit = { headers, redirect: 'error', signal }
    if (init !== undefined) {
      request.method = init.method
      if (init.body !== undefined) {
        headers['content-type'] = 'application/json'
        request.body = JSON.stringify(init.body)
      }
    }
    return options.fetch(`${options.identityUrl}${path}`, request)
  }

  return {
    ask: async (path, signal, init) => {
      const response = await send(path, signal, init)
      if (response.status !== 401) return response
      await response.body?.cancel()
      centreToken.forget()
      return send(path, signal, init)
    },
  }
}
