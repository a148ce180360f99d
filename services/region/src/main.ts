// A region's process: the only reader of the environment, the only listener.
import { randomBytes } from 'node:crypto'
import { scheduleWithTimer } from '@meridian/resource-server/background-refresh'
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { createLogger } from '@meridian/service-kit/logger'
import { runService } from '@meridian/service-kit/process'
import { buildApp } from './app.ts'
import { configurationSchema } from './config.ts'
import { createDeps } from './deps.ts'
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
    await Promise.all([deps.keys.start(), deps.hosts.start()])
    const app = await buildApp(deps, configuration)
    await app.listen({ host: configuration.HOST, port: configuration.PORT })
    return {
      stop: async () => {
        await app.close()
        deps.keys.stop()
        deps.hosts.stop()
        deps.keyReporter.stop()
        await database.close()
      },
    }
  },
})
