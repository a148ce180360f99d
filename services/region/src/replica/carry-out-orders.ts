// Carries out the centre's orders to compare, mend or rebuild what this region holds, one at a time, and tells how it
// goes. An order is told with each page until it is over: whoever dies in between takes it up again, a rebuild from where
// it was, and of several processes one is at it.
import { plainTextOf } from '@meridian/protocol/plain-text'
import {
  type SyncOrderKind,
  type SyncProgress,
  type SyncReport,
  syncOrderKindSchema,
} from '@meridian/protocol/sync-orders'
import type { Schedule } from '@meridian/resource-server/background-refresh'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'
import type { FeedFollower } from '@meridian/resource-server/feed-follower'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { RegionDatabase } from '../store/open-store.ts'
import { holdOrder, RENEW_EVERY_MS } from '../store/order-leases.ts'
import { repeat } from './repeat.ts'

export type OrderWorker = {
  /** Takes up what is not being done yet. */
  take(orders: readonly { readonly id: string; readonly kind: string; readonly force?: boolean | undefined }[]): void
  /** Resolves when nothing is being carried out. */
  settle(): Promise<void>
  stop(): void
}

type OrderWorkerOptions = {
  readonly centre: Centre
  readonly region: string
  readonly database: RegionDatabase
  readonly follower: () => Pick<FeedFollower, 'compare' | 'repair' | 'rebuild' | 'place'>
  /** This process. */
  readonly holder: string
  readonly nowMs: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}

type Order = { readonly id: string; readonly kind: SyncOrderKind; readonly isForced: boolean }

const TIMEOUT_MS = 10_000
const TELL_EVERY_MS = 2_000
const ERROR_MAX_LENGTH = 500
/** Not to be seen there, or ended. */
const OVER: ReadonlySet<number> = new Set([403, 404, 409])
const NOTHING_YET: SyncReport = { rows: 0, differing: 0, mended: 0, named: [], error: null }

export function createOrderWorker(options: OrderWorkerOptions): OrderWorker {
  const { centre, database, holder, nowMs, schedule, log } = options
  const path = `/v1/regions/${encodeURIComponent(options.region)}/orders`
  const stopping = new AbortController()
  let working: Promise<unknown> | null = null
  /** Done, and not told yet. */
  let finished: { id: string; progress: SyncProgress } | null = null

  /** Resolves to whether the order is still open at the centre. */
  async function tell(id: string, progress: SyncProgress): Promise<boolean> {
    const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(`${path}/${id}`, signal, { method: 'PUT', body: progress })
    await response.body?.cancel()
    // One that is over for the centre, it does not want to hear of.
    if (response.status >= 500) throw new CentreUnavailable('the centre took no progress', response.status)
    if (response.status !== 204) log.warn({ order: id, status: response.status }, 'the centre refused the progress')
    return !OVER.has(response.status)
  }

  async function carryOut({ id, kind, isForced }: Order): Promise<void> {
    let done = 0
    const generation = options.follower().place()?.generation ?? '0'
    const renew = () => holdOrder(database, { id, holder, generation, done })
    const lease = await renew()
    if (lease === null) return
    const isRebuilt = kind === 'rebuild' && BigInt(generation) > BigInt(lease.generation)
    if (isRebuilt) return finish(id, { ...NOTHING_YET, rows: lease.done })
    log.info({ order: id, kind }, 'an order of the centre is carried out')
    const over = new AbortController()
    let progress: SyncProgress = { status: 'running', done: lease.done, total: null, report: NOTHING_YET }
    const tellOn = async () => {
      if (!(await tell(id, progress))) over.abort()
    }
    const tellSoon = () => {
      tellOn().catch((error: unknown) => log.warn({ err: error, order: id }, 'progress was not told'))
    }
    let toldAtMs = nowMs()
    const onProgress = (rows: number, total: number | null) => {
      done = Math.max(done, rows)
      if (nowMs() - toldAtMs < TELL_EVERY_MS) return
      toldAtMs = nowMs()
      progress = { status: 'running', done: rows, total, report: NOTHING_YET }
      tellSoon()
    }
    await tellOn()
    if (over.signal.aborted) return
    const stopRenewing = repeat(schedule, RENEW_EVERY_MS, () => {
      renew().catch((error: unknown) => log.warn({ err: error, order: id }, 'the hold on an order was not renewed'))
      // Also where nothing goes on: the order may be over meanwhile.
      tellSoon()
    })
    try {
      await finish(id, await options.follower()[kind](onProgress, over.signal, { isForced }))
    } catch (error) {
      // Whoever comes after this process goes on.
      if (stopping.signal.aborted) return
      if (over.signal.aborted) return log.info({ order: id, kind }, 'an order of the centre was called off')
      if (error instanceof CentreUnavailable) throw error
      log.error({ err: error, order: id, kind }, 'an order of the centre could not be carried out')
      await finish(id, { ...NOTHING_YET, rows: done, error: plainTextOf(String(error)).slice(0, ERROR_MAX_LENGTH) })
    } finally {
      stopRenewing()
    }
  }

  async function finish(id: string, report: SyncReport): Promise<void> {
    const status = report.error === null ? 'done' : 'failed'
    finished = { id, progress: { status, done: report.rows, total: report.rows, report } }
    await tell(id, finished.progress)
    log.info({ order: id, differing: report.differing, mended: report.mended }, `an order of the centre is ${status}`)
  }

  return {
    take: (orders) => {
      const [order] = orders.flatMap(({ id, kind, force: isForced = false }) => {
        const known = syncOrderKindSchema.safeParse(kind)
        return known.success ? [{ id, kind: known.data, isForced }] : []
      })
      if (order === undefined || working !== null || stopping.signal.aborted) return
      const work: Promise<unknown> = finished?.id === order.id ? tell(order.id, finished.progress) : carryOut(order)
      working = work
        .catch((error: unknown) => log.warn({ err: error, order: order.id }, 'an order is still open'))
        .finally(() => {
          working = null
        })
    },
    settle: async () => {
      await working
    },
    stop: () => stopping.abort(),
  }
}
