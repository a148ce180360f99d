// A region's process: the only reader of the environment, the only listener.
import { randomBytes } from 'node:crypto'
import { scheduleWithTimer } from '@meridian/resource-server/background-refresh'
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { createLogger } from '@meridian/service-kit/logger'
import { type MetricsListener, startMetricsListener } from '@meridian/service-kit/metrics'
import { runService } from '@meridian/service-kit/process'
import { buildApp } from './app.ts'
import { configurationSchema } from './config.ts'
import { createDeps, startFollowing, stopFollowing } from './deps.ts'
import { addReplicaMetrics } from './metrics.ts'
import { openRegionStore } from './store/open-store.ts'

const logger = createLogger({ name: 'region', level: 'info' })

await runService({
  name: 'region',
  logger,
  process,
  start: async () => {
    const configuration = parseConfiguration(configurationSchema, process.env)
    logger.level = configuration.LOG_LEVEL
    const database = await openRegionStore({
      url: configuration.DATABASE_URL,
      ...(configuration.DATA_FOLDER === undefined ? {} : { embedded: { folder: configuration.DATA_FOLDER } }),
      poolSize: configuration.DATABASE_POOL_SIZE,
      onMigration: (migration) => logger.info({ migration }, 'migrating'),
      onPoolError: (error) => logger.warn({ err: error }, 'a database connection failed'),
    })
    const deps = createDeps(configuration, database, logger, {
      fetch: globalThis.fetch,
      nowMs: Date.now,
      random: Math.random,
      randomBytes,
      schedule: scheduleWithTimer,
    })
    // What is stored is loaded first; the centre is asked in the background and may be away.
    await startFollowing(deps)
    const app = await buildApp(deps, configuration)
    const { HOST: host, PORT: port, METRICS_HOST: metricsHost, METRICS_PORT: metricsPort } = configuration
    let metrics: MetricsListener | undefined
    if (metricsPort !== undefined) {
      deps.metrics.addProcess()
      addReplicaMetrics(deps)
      metrics = await startMetricsListener(deps.metrics, { host: metricsHost, port: metricsPort, log: logger })
    }
    await app.listen({ host, port })
    return {
      stop: async () => {
        await app.close()
        await metrics?.stop()
        await stopFollowing(deps)
        await database.close()
      },
    }
  },
})
