import { createLogger, type Logger } from '@meridian/service-kit/logger'

export type CapturedLog = { logger: Logger; text(): string; lines(): Record<string, unknown>[] }

/** A logger of the kit whose output can be read back. */
export function capturedLog(level = 'info'): CapturedLog {
  let written = ''
  const write = (text: string) => {
    written += text
  }
  const logger = createLogger({ name: 'test', level, destination: { write } })
  return {
    logger,
    text: () => written,
    lines: () =>
      written
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}
