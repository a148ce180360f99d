/** Where the background work reports. A pino logger fits; no token, key or header ever goes in. */
export interface OperationalLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}
