// The load generator: a process of its own, driven over IPC by load-process.ts. Only 127.0.0.1, a fixed number of
// connections, each with one request under way, for a bounded time. Any unexpected answer ends the run.
import { type Connection, openConnection } from './connection.ts'
import { type Histogram, recordLatency } from './latencies.ts'
import { buildScenario, type Scenario, type ScenarioOrder } from './scenario.ts'

export type LoadOrder =
  | { readonly kind: 'prepare'; readonly scenario: string; readonly order: ScenarioOrder }
  | {
      readonly kind: 'run'
      readonly scenario: string
      readonly port: number
      readonly seconds: number
      readonly connections: number
    }

export type LoadResult = {
  readonly requests: number
  readonly elapsedSeconds: number
  readonly latencies: Histogram
  readonly collected: readonly string[]
}

export type LoadReply = { readonly result: LoadResult | null } | { readonly failure: string }

const MAX_SECONDS = 120
const MAX_CONNECTIONS = 64
const scenarios = new Map<string, Scenario>()

process.on('message', (order: LoadOrder) => {
  obey(order).then(
    (result) => process.send?.({ result } satisfies LoadReply),
    (error: unknown) => process.send?.({ failure: String(error) } satisfies LoadReply),
  )
})
process.on('disconnect', () => process.exit(0))

async function obey(order: LoadOrder): Promise<LoadResult | null> {
  if (order.kind === 'prepare') {
    scenarios.set(order.scenario, buildScenario(order.order))
    return null
  }
  const scenario = scenarios.get(order.scenario)
  if (scenario === undefined) throw new Error(`no scenario ${order.scenario} was prepared`)
  if (order.seconds > MAX_SECONDS || order.connections > MAX_CONNECTIONS) throw new Error('that is too much load')
  return run(scenario, order)
}

async function run(scenario: Scenario, order: Extract<LoadOrder, { kind: 'run' }>): Promise<LoadResult> {
  const connections = Array.from({ length: order.connections }, () => openConnection(order.port))
  scenario.begin(connections.length)
  const latencies: Histogram = {}
  const startedAt = performance.now()
  const endsAt = startedAt + order.seconds * 1000
  let requests = 0
  let lastAt = startedAt
  const drive = async (connection: Connection, index: number) => {
    for (let sentAt = performance.now(); sentAt < endsAt; sentAt = performance.now()) {
      const turn = scenario.next(index)
      if (turn === undefined) return
      const answer = await connection.send(turn.request)
      const answeredAt = performance.now()
      turn.take(answer)
      // What was under way when the time was up is waited for, so that no token is lost, but not counted.
      if (answeredAt > endsAt) return
      requests += 1
      lastAt = answeredAt
      recordLatency(latencies, answeredAt - sentAt)
    }
  }
  try {
    await Promise.all(connections.map(drive))
  } finally {
    for (const connection of connections) connection.close()
  }
  return { requests, elapsedSeconds: (lastAt - startedAt) / 1000, latencies, collected: [...scenario.collected()] }
}
