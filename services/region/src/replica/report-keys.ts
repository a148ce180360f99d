// Tells the centre which signing keys this region holds, so that none signs before every region can verify it.
// In the background, and only a courtesy to the centre: nothing here waits for it or fails with it.
import type { HeldKeys } from '@meridian/protocol/jwks'
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'
import type { OperationalLog } from '@meridian/resource-server/operational-log'

export type KeyReporter = {
  /** What is held now; sent at once where it is news, and again every five minutes at least. */
  hold(kids: readonly string[]): void
  /** Null: the key set has not been fetched since the start. */
  held(): readonly string[] | null
  /** Sends it again; resolves when it is sent, or was not. */
  repeat(): Promise<void>
  /** Resolves when the report of the latest news is sent, or was not. */
  settle(): Promise<void>
  stop(): void
}

type KeyReporterOptions = {
  readonly centre: Centre
  readonly region: string
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}

const TIMEOUT_MS = 10_000
const REPORT_EVERY_MS = 300_000

export function createKeyReporter(options: KeyReporterOptions): KeyReporter {
  const path = `/v1/regions/${encodeURIComponent(options.region)}/keys`
  let held: HeldKeys | null = null
  let sending: Promise<void> = Promise.resolve()

  async function report(stopping: AbortSignal): Promise<number> {
    const body = held
    if (body === null) return REPORT_EVERY_MS
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await options.centre.ask(path, signal, { method: 'PUT', body })
    await response.body?.cancel()
    if (response.status !== 204) throw new CentreUnavailable('the centre took no key report', response.status)
    return body === held ? REPORT_EVERY_MS : 0
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: report,
    onFailure: (error) => options.log.warn({ err: error }, 'the centre was not told which keys are held here'),
  })

  return {
    hold: (kids) => {
      const news = [...kids].sort()
      if (held !== null && JSON.stringify(news) === JSON.stringify(held.kids)) return
      held = { kids: news }
      sending = background.refresh()
    },
    held: () => held?.kids ?? null,
    repeat: background.refresh,
    settle: () => sending,
    stop: background.stop,
  }
}
