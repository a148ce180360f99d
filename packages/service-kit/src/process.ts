// The life of a service's process: start or say what is missing, stop gracefully when asked, stop with 1 when
// something escaped. Everything global is an argument; a service's main.ts passes `process`.
import { ConfigurationError } from './configuration.ts'
import type { Logger } from './logger.ts'

/** What is used of Node's `process`. */
export type ProcessLike = {
  on(
    event: 'SIGTERM' | 'SIGINT' | 'uncaughtException' | 'unhandledRejection',
    listener: (event: unknown) => void,
  ): unknown
  exit(code: number): unknown
  readonly stderr: { write(text: string): unknown }
}

export type Running = { stop(): Promise<void> }

export type ServiceOptions = {
  readonly name: string
  readonly logger: Logger
  readonly start: () => Promise<Running>
  readonly process: ProcessLike
  /** What is still in flight by then is cut off. */
  readonly stopTimeoutMs?: number
}

const STOP_TIMEOUT_MS = 10_000

/** Resolves once the service runs (or the process is told to exit). */
export async function runService(options: ServiceOptions): Promise<void> {
  const { name, logger, process } = options
  let stopping = false
  let starting: Promise<Running> | undefined

  async function stop(exitCode: number): Promise<void> {
    stopping = true
    const timeout = setTimeout(() => {
      logger.fatal({ service: name }, 'stopping took too long')
      process.exit(1)
    }, options.stopTimeoutMs ?? STOP_TIMEOUT_MS)
    try {
      const running = await starting
      await running?.stop()
      logger.info('stopped')
      process.exit(exitCode)
    } catch (error) {
      logger.fatal({ err: error }, 'stopping failed')
      process.exit(1)
    } finally {
      clearTimeout(timeout)
    }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) return void process.exit(1)
      logger.info({ signal }, 'stopping')
      void stop(0)
    })
  }
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error) => {
      logger.fatal({ err: error, event }, 'an error escaped')
      if (!stopping) void stop(1)
    })
  }

  starting = options.start()
  try {
    await starting
    if (!stopping) logger.info('started')
  } catch (error) {
    if (error instanceof ConfigurationError) process.stderr.write(`${name}: ${error.message}\n`)
    else logger.fatal({ err: error }, 'starting failed')
    process.exit(1)
  }
}
