// Tells the centre every few seconds how this region stands: its place in the feed and how old its news are, the keys it
// holds, what it counted, what its organizations used. Under a new epoch of the centre, which was restored from a backup then,
// all that is kept is told again. Nothing here waits for it or fails with it.
import {
  CLOCK_SKEW_ALARM_MS,
  REPORT_EVERY_SECONDS,
  type RegionReport,
  reportAnswerSchema,
} from '@meridian/protocol/region-report'
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { RegionDatabase } from '../store/open-store.ts'
import { listCountsToldBefore, noteToldCounts } from '../store/tenant-counts.ts'
import { forgetOldUsage, listUntoldUsage, noteToldUsage } from '../store/usage.ts'
import type { TenantCounter } from './count-tenants.ts'
import { repeat } from './repeat.ts'

export type RegionState = Omit<RegionReport, 'build' | 'now' | 'tenants' | 'usage'>

export type StateReporter = {
  start(): void
  /** Sends one now; resolves when it is sent, or was not. */
  refresh(): Promise<void>
  stop(): void
}

type StateReporterOptions = {
  readonly centre: Centre
  readonly region: string
  readonly build: string
  readonly database: RegionDatabase
  readonly describe: () => Promise<RegionState>
  /** What is told at once where it changes, in a word. */
  readonly condition: () => string
  readonly tenants: Pick<TenantCounter, 'countChanged'>
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}

const TIMEOUT_MS = 10_000
const ANSWER_MAX_BYTES = 16 * 1024
const USAGE_AT_ONCE = 500
/** With those that have changed no more than a report may have. */
const COUNTS_AGAIN_AT_ONCE = 400
const MORE_AFTER_MS = 2_500
const WATCH_EVERY_MS = 1_000

export function createStateReporter(options: StateReporterOptions): StateReporter {
  const { centre, database, nowMs, log } = options
  const path = `/v1/regions/${encodeURIComponent(options.region)}/report`

  let told = ''
  let stopWatching = () => {}

  async function send(body: RegionReport, stopping: AbortSignal): Promise<number> {
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(path, signal, { method: 'PUT', body })
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre took no report', response.status)
    return reportAnswerSchema.parse(JSON.parse(text)).clock_skew_ms
  }

  async function report(stopping: AbortSignal): Promise<number> {
    told = options.condition()
    const state = await options.describe()
    const { epoch } = state
    const changed = await options.tenants.countChanged()
    const again = await listCountsToldBefore(database, epoch, COUNTS_AGAIN_AT_ONCE)
    const tenants = [...changed, ...again.filter((old) => changed.every((count) => count.org_id !== old.org_id))]
    const usage = [...(await listUntoldUsage(database, epoch, USAGE_AT_ONCE))]
    const now = new Date(nowMs()).toISOString()
    const skewMs = await send({ ...state, build: options.build, now, tenants, usage }, stopping)
    await noteToldCounts(database, epoch, tenants)
    await noteToldUsage(database, epoch, usage)
    await forgetOldUsage(database, now)
    if (Math.abs(skewMs) > CLOCK_SKEW_ALARM_MS) log.error({ skew_ms: skewMs, alarm: true }, 'the clock is wrong')
    const isAll = usage.length < USAGE_AT_ONCE && again.length < COUNTS_AGAIN_AT_ONCE
    return isAll ? REPORT_EVERY_SECONDS * 1000 : MORE_AFTER_MS
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: report,
    onFailure: (error) => log.warn({ err: error }, 'the centre was not told how this region stands'),
  })
  function watch(): void {
    if (options.condition() !== told) void background.refreshEarly()
  }

  return {
    start: () => {
      background.start()
      stopWatching = repeat(options.schedule, WATCH_EVERY_MS, watch)
    },
    refresh: background.refresh,
    stop: () => {
      stopWatching()
      background.stop()
    },
  }
}
