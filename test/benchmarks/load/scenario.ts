// What the load generator sends, and what it demands of the answers. A scenario keeps its state between rounds, so
// that each virtual client goes on with the refresh token that it was given last.
import { createPrivateKey, type JsonWebKey, sign } from 'node:crypto'
import { type Answer, formatRequest, type RequestParts } from './connection.ts'

export type ScenarioOrder =
  /** Each virtual client presents its latest refresh token, in turn; the rest of the form is `form`. */
  | { readonly kind: 'refresh'; readonly path: string; readonly form: string; readonly tokens: readonly string[] }
  /** The same requests again and again. */
  | { readonly kind: 'repeat'; readonly requests: readonly RequestParts[] }
  /** Each request once; `collects` names the member of each answer that is brought back. */
  | {
      readonly kind: 'once'
      readonly requests: readonly RequestParts[]
      readonly status: number
      readonly collects: string
    }
  /** Tokens that nobody has seen, signed ahead of the round; `jti` makes each its own. */
  | {
      readonly kind: 'unseen-tokens'
      readonly path: string
      readonly count: number
      readonly key: JsonWebKey
      readonly header: Readonly<Record<string, unknown>>
      readonly claims: Readonly<Record<string, unknown>>
    }

export type Turn = { readonly request: string; take(answer: Answer): void }

export type Scenario = {
  /** A round begins, with this many connections. */
  begin(connections: number): void
  /** The next request of a connection; undefined where there is none left. */
  next(connection: number): Turn | undefined
  collected(): readonly string[]
}

export function buildScenario(order: ScenarioOrder): Scenario {
  switch (order.kind) {
    case 'refresh':
      return refreshing(order)
    case 'repeat':
      return repeating(order.requests.map(formatRequest))
    case 'once':
      return onceEach(order)
    case 'unseen-tokens':
      return unseenTokens(order)
  }
}

class UnexpectedAnswer extends Error {
  constructor(answer: Answer) {
    super(`unexpected answer ${answer.status}: ${answer.body.slice(0, 300)}`)
  }
}

function refreshing(order: Extract<ScenarioOrder, { kind: 'refresh' }>): Scenario {
  const tokens = [...order.tokens]
  let connections = 1
  const turns: number[] = []
  return {
    begin: (count) => {
      connections = count
    },
    next: (connection) => {
      const own = Math.floor((tokens.length - connection - 1) / connections) + 1
      const turn = turns[connection] ?? 0
      turns[connection] = (turn + 1) % own
      const index = connection + turn * connections
      const form = `${order.form}&refresh_token=${encodeURIComponent(tokens[index] ?? '')}`
      return {
        request: formatRequest({ method: 'POST', path: order.path, form }),
        take: (answer) => {
          const body = JSON.parse(answer.body) as { refresh_token?: unknown; access_token?: unknown }
          const isRotated = typeof body.refresh_token === 'string' && body.refresh_token !== tokens[index]
          const isSigned = typeof body.access_token === 'string' && body.access_token.split('.').length === 3
          if (answer.status !== 200 || !isRotated || !isSigned) throw new UnexpectedAnswer(answer)
          tokens[index] = String(body.refresh_token)
        },
      }
    },
    collected: () => [],
  }
}

const takeOk = (answer: Answer) => {
  if (answer.status !== 200) throw new UnexpectedAnswer(answer)
}

function repeating(requests: readonly string[]): Scenario {
  let at = 0
  return {
    begin: () => {},
    next: () => {
      const request = requests[at] ?? ''
      at = (at + 1) % requests.length
      return { request, take: takeOk }
    },
    collected: () => [],
  }
}

function onceEach(order: Extract<ScenarioOrder, { kind: 'once' }>): Scenario {
  const collected: string[] = []
  let at = 0
  return {
    begin: () => {},
    next: () => {
      const index = at
      const parts = order.requests[index]
      if (parts === undefined) return undefined
      at += 1
      return {
        request: formatRequest(parts),
        take: (answer) => {
          const value = (JSON.parse(answer.body) as Record<string, unknown>)[order.collects]
          if (answer.status !== order.status || typeof value !== 'string') throw new UnexpectedAnswer(answer)
          collected[index] = value
        },
      }
    },
    collected: () => collected,
  }
}

/** Every side of a round is shown the same tokens, once. */
function unseenTokens(order: Extract<ScenarioOrder, { kind: 'unseen-tokens' }>): Scenario {
  const key = createPrivateKey({ key: order.key, format: 'jwk' })
  const header = Buffer.from(JSON.stringify(order.header)).toString('base64url')
  const tokens = Array.from({ length: order.count }, (_, index) => {
    const jti = `unseen-${String(index).padStart(12, '0')}`
    const claims = Buffer.from(JSON.stringify({ ...order.claims, jti })).toString('base64url')
    const signature = sign('sha256', Buffer.from(`${header}.${claims}`), { key, dsaEncoding: 'ieee-p1363' })
    return `${header}.${claims}.${signature.toString('base64url')}`
  })
  let at = 0
  return {
    begin: () => {
      at = 0
    },
    next: () => {
      const token = tokens[at]
      if (token === undefined) return undefined
      at += 1
      return { request: formatRequest({ method: 'GET', path: order.path, token }), take: takeOk }
    },
    collected: () => [],
  }
}
