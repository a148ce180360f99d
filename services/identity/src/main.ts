// The process: reads the environment, starts the service, listens to signals. Nothing else reads the world.
import { randomBytes } from 'node:crypto'
import { parseConfiguration } from '@meridian/service-kit/configuration'
import { createLogger } from '@meridian/service-kit/logger'
import { runService } from '@meridian/service-kit/process'
import { configurationSchema } from './config.ts'
import { startIdentityService } from './service.ts'

const logger = createLogger({ name: 'identity', level: 'info' })

await runService({
  name: 'identity',
  logger,
  process,
  start: async () => {
    const configuration = parseConfiguration(configurationSchema, process.env)
    logger.level = configuration.LOG_LEVEL
    const service = await startIdentityService(configuration, logger, { now: Date.now, randomBytes })
    logger.info({ url: service.url, issuer: configuration.ISSUER }, 'listening')
    return service
  },
})
