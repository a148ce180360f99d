// A process for process.test.ts: a service with one route that answers only when it is told to.
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { registerHealth } from '@meridian/service-kit/health'
import { createLogger } from '@meridian/service-kit/logger'
import { runService } from '@meridian/service-kit/process'
import { createServer } from '@meridian/service-kit/server'
import { integerSetting, portSetting } from '@meridian/service-kit/settings'
import { z } from 'zod'

const schema = z.object({ PORT: portSetting, STOP_TIMEOUT_MS: integerSetting({ min: 1, max: 60_000 }).default(10_000) })
const logger = createLogger({ name: 'stopping', level: 'info' })
const stopTimeoutMs = Number(process.env['STOP_TIMEOUT_MS'] ?? 10_000)

await runService({
  name: 'stopping',
  logger,
  process,
  stopTimeoutMs,
  start: async () => {
    const { PORT } = parseConfiguration(schema, process.env)
    const app = createServer({ logger, trustProxy: false, limits: { handlerTimeoutMs: 30_000 } })
    registerHealth(app, { checks: {}, timeoutMs: 100 })
    const { promise: told, resolve: tell } = Promise.withResolvers<void>()
    app.get('/wait', async () => {
      logger.info('waiting')
      await told
      return { done: true }
    })
    app.get('/escape', async () => {
      setImmediate(() => {
        throw new Error('it escaped')
      })
      return {}
    })
    app.get('/now', async () => ({}))
    process.on('SIGUSR2', tell)
    const address = await app.listen({ port: PORT, host: '127.0.0.1' })
    logger.info({ address }, 'listening')
    return { stop: () => app.close() }
  },
})
