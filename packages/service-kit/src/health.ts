// What load balancers and orchestrators ask: GET /healthz, whether the process runs; GET /readyz, whether to send it
// requests. Public, so an answer names a failed check and nothing else; the reason is in the log.
import type { FastifyInstance } from 'fastify'

type Checks = Readonly<Record<string, () => Promise<void>>>

const PUBLIC_ROUTE = { guard: 'public', answersWhileClosing: true } as const

export function registerHealth(app: FastifyInstance, options: { checks: Checks; timeoutMs: number }): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  const running = new Map<string, Promise<void>>()

  app.get('/healthz', { config: PUBLIC_ROUTE }, async () => ({ status: 'ok' }))

  app.get('/readyz', { config: PUBLIC_ROUTE }, async (request, reply) => {
    const outcomes = await Promise.all(
      Object.entries(options.checks).map(async ([name, check]) => {
        try {
          await withinTime(joinRunning(running, name, check), options.timeoutMs)
          return [name, 'ok'] as const
        } catch (error) {
          request.log.warn({ check: name, err: error }, 'readiness check failed')
          return [name, 'failed'] as const
        }
      }),
    )
    const ready = !closing && outcomes.every(([, outcome]) => outcome === 'ok')
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? 'ok' : closing ? 'closing' : 'unavailable', checks: Object.fromEntries(outcomes) })
  })
}

/** However many ask, a check runs once at a time: a public route must not become a way to load the database. */
function joinRunning(running: Map<string, Promise<void>>, name: string, check: () => Promise<void>): Promise<void> {
  const current = running.get(name)
  if (current !== undefined) return current
  const started = (async () => check())().finally(() => running.delete(name))
  running.set(name, started)
  return started
}

async function withinTime(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
