// Numbers for a monitoring system (Prometheus text format): one collection a process, and a listener of its own for it, on
// an address and a port that no proxy leads to. What is counted and what it is called: the service's own.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Logger } from './logger.ts'
import { SECURITY_HEADERS } from './security-headers.ts'

/** The values of a label are few, and known beforehand: never an id, an address or a path as it was typed. */
type Definition<Label extends string> = {
  readonly name: string
  readonly help: string
  readonly labels: readonly Label[]
}

export interface Metrics {
  counter<L extends string>(definition: Definition<L>): Counter<L>
  gauge<L extends string>(definition: Definition<L>): Gauge<L>
  /** `buckets` in the unit of the name. */
  histogram<L extends string>(definition: Definition<L> & { readonly buckets: readonly number[] }): Histogram<L>
  /** Called before each reading; one that fails leaves its numbers as they were, and is counted. */
  beforeReading(collect: () => Promise<void>): void
  /** Everything, as it is read over HTTP. */
  text(): Promise<string>
  /** Names, for checks of what others say of them. */
  names(): readonly string[]
  /** Adds what is known of the process itself: memory, processor, event loop. */
  addProcess(): void
}

/** Whoever reads again so soon, or meanwhile, gets the same reading: it asks the database, and nobody has to sign in for it. */
const READING_KEPT_MS = 2000

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export function createMetrics(): Metrics {
  const registry = new Registry()
  const collectors: (() => Promise<void>)[] = []
  const failures = new Counter({
    name: 'meridian_metrics_failures_total',
    help: 'Readings in which some numbers could not be brought up to date.',
    registers: [registry],
  })
  const common = ({ name, help, labels }: Definition<string>) => ({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
  })
  return {
    counter: (definition) => new Counter(common(definition)),
    gauge: (definition) => new Gauge(common(definition)),
    histogram: (definition) => new Histogram({ ...common(definition), buckets: [...definition.buckets] }),
    beforeReading: (collect) => void collectors.push(collect),
    text: async () => {
      const outcomes = await Promise.allSettled(collectors.map((collect) => collect()))
      failures.inc(outcomes.filter(({ status }) => status === 'rejected').length)
      return registry.metrics()
    },
    names: () => registry.getMetricsAsArray().map(({ name }) => name),
    addProcess: () => collectDefaultMetrics({ register: registry }),
  }
}

export type MetricsListener = { readonly url: string; stop(): Promise<void> }

/** Answers GET /metrics, and nothing else. */
export async function startMetricsListener(
  metrics: Metrics,
  { host, port, log }: { readonly host: string; readonly port: number; readonly log: Logger },
): Promise<MetricsListener> {
  const read = sharedReading(metrics)
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value)
    if (request.url !== '/metrics' || request.method !== 'GET') {
      response
        .writeHead(request.url === '/metrics' ? 405 : 404, request.url === '/metrics' ? { allow: 'GET' } : {})
        .end()
      return
    }
    read().then(
      (text) => response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(text),
      (error: unknown) => {
        log.warn({ err: error }, 'the metrics could not be told')
        response.writeHead(500).end()
      },
    )
  })
  server.headersTimeout = 5000
  server.requestTimeout = 5000
  server.maxConnections = 20
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(port, host, listening)
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`,
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

/** One reading at a time, kept for a moment. */
function sharedReading(metrics: Metrics): () => Promise<string> {
  let reading: { readonly text: Promise<string>; keptUntilMs: number } | undefined
  return () => {
    if (reading !== undefined && performance.now() < reading.keptUntilMs) return reading.text
    const begun = { text: metrics.text(), keptUntilMs: Number.POSITIVE_INFINITY }
    reading = begun
    begun.text.then(
      () => {
        begun.keptUntilMs = performance.now() + READING_KEPT_MS
      },
      () => {
        begun.keptUntilMs = 0
      },
    )
    return begun.text
  }
}
