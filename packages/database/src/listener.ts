// Hears what processes tell one another through PostgreSQL (LISTEN), on a connection of its own that is made anew when it
// is lost. What is told while there is none is not heard: a message is a hint, and whoever waits for one also looks.
import pg from 'pg'

const CONNECT_TIMEOUT_MS = 2000
/** A connection whose other end has gone silent is found out by asking. */
const CHECK_EVERY_MS = 15_000
const QUERY_TIMEOUT_MS = 4000
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 5000

export type Listening = { stop(): Promise<void> }

export type ListenOptions = {
  readonly url: string
  readonly channel: string
  /** Also called when it hears again after a time in which it did not, with an empty message. */
  readonly onMessage: (message: string) => void
  readonly onError: (error: Error) => void
}

export function listenTo({ url, channel, onMessage, onError }: ListenOptions): Listening {
  let stopped = false
  let pauseMs = FIRST_PAUSE_MS
  let current: { end(): void } | undefined
  let wake = () => {}

  /** Resolves when the connection is over. */
  async function hear(): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    })
    const over = Promise.withResolvers<void>()
    over.promise.catch(() => {})
    current = { end: over.resolve }
    client.on('error', (error) => over.reject(error))
    client.on('end', () => over.resolve())
    client.on('notification', (notification) => onMessage(notification.payload ?? ''))
    let checks: NodeJS.Timeout | undefined
    try {
      await client.connect()
      await client.query(`LISTEN ${client.escapeIdentifier(channel)}`)
      pauseMs = FIRST_PAUSE_MS
      onMessage('')
      checks = setInterval(() => void client.query('SELECT 1').catch(over.reject), CHECK_EVERY_MS)
      checks.unref()
      if (!stopped) await over.promise
    } finally {
      clearInterval(checks)
      // One that does not answer any more is not waited for.
      void client.end().catch(() => {})
    }
  }

  const running = (async () => {
    while (!stopped) {
      await hear().catch((error: unknown) => {
        if (!stopped) onError(error instanceof Error ? error : new Error(String(error)))
      })
      if (stopped) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs)
        timer.unref()
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  })()

  return {
    stop: async () => {
      stopped = true
      current?.end()
      wake()
      await running
    },
  }
}
