// Orders a sync and stays until the regions have carried it out: what the operator's commands do. Each region stands for
// itself: one that is away, busy or fails does not keep the others.
import { setTimeout as pause } from 'node:timers/promises'
import { regionCodeSchema } from '@meridian/protocol/ids'
import type { DriftRow, SyncOrder, SyncOrderKind } from '@meridian/protocol/sync-orders'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { listRegionsWithHealth } from '../store/region-health.ts'
import { COMMAND, OPERATOR } from './by-actor.ts'
import { orderSync, readSyncOrder } from './sync-orders.ts'

const LOOK_EVERY_MS = 500
/** A region that says nothing of its order for so long is not waited for; the order stands. */
const SILENT_AFTER_MS = 90_000

export type RegionOutcome = {
  readonly region: string
  /** `unreachable`: nothing was ordered. `busy`: it is at another order. `silent`: it stopped telling how it goes. */
  readonly outcome: 'done' | 'failed' | 'cancelled' | 'unreachable' | 'busy' | 'silent'
  readonly order: string | null
  readonly rows: number
  readonly differing: number
  readonly mended: number
  readonly error: string | null
}

export type Synced = {
  readonly regions: readonly RegionOutcome[]
  /** The rows that differed, as far as they were named. */
  readonly drift: readonly (DriftRow & { readonly region: string })[]
}

export type SyncWish = {
  readonly kind: SyncOrderKind
  /** Undefined: every region that is in use. */
  readonly regions: readonly string[] | undefined
  readonly force: boolean
}

/** Throws Refusal (unknown_region). */
export async function syncAndWait(
  deps: Pick<Deps, 'db' | 'makeId'>,
  wish: SyncWish,
  onProgress: (done: number, total: number) => void,
): Promise<Synced> {
  const regions = await listRegionsWithHealth(deps.db)
  const wanted = wish.regions ?? regions.map(({ code }) => code)
  if (wanted.some((code) => !regions.some((region) => region.code === code)))
    throw new Refusal('unknown_region', 'no such active region', 'region: is unknown')
  const outcomes: RegionOutcome[] = []
  const orders = new Map<string, SyncOrder>()
  for (const code of new Set(wanted)) {
    const isAway = regions.find((region) => region.code === code)?.health === 'unreachable'
    const ordered = isAway ? 'unreachable' : await orderOne(deps, wish, code)
    if (typeof ordered === 'string') outcomes.push(without(code, ordered))
    else orders.set(ordered.id, ordered)
  }
  const finished = await untilFinished(deps, orders, onProgress)
  const drift = finished.flatMap(({ region, report }) => report?.named.map((row) => ({ region, ...row })) ?? [])
  const all = [...outcomes, ...finished.map(outcomeOf)]
  return { regions: all.sort((left, right) => (left.region < right.region ? -1 : 1)), drift }
}

async function orderOne(
  deps: Pick<Deps, 'db' | 'makeId'>,
  { kind, force }: SyncWish,
  code: string,
): Promise<SyncOrder | 'busy'> {
  const regions = [regionCodeSchema.parse(code)]
  try {
    const ordered = await orderSync(deps, OPERATOR, { kind, regions, force, dry_run: false }, undefined, COMMAND)
    return ordered.regions[0]?.order ?? 'busy'
  } catch (error) {
    if (error instanceof Refusal && error.code === 'conflict') return 'busy'
    throw error
  }
}

/** Each as it was when it ended, or when its region fell silent. */
async function untilFinished(
  deps: Pick<Deps, 'db'>,
  orders: Map<string, SyncOrder>,
  onProgress: (done: number, total: number) => void,
): Promise<readonly SyncOrder[]> {
  const heardAt = new Map([...orders.keys()].map((id) => [id, performance.now()]))
  const isWaitedFor = ({ id, finished_at: finishedAt }: SyncOrder) =>
    finishedAt === null && performance.now() - (heardAt.get(id) ?? 0) < SILENT_AFTER_MS
  for (;;) {
    const waiting = [...orders.values()].filter(isWaitedFor)
    if (waiting.length === 0) return [...orders.values()]
    await pause(LOOK_EVERY_MS)
    for (const { id, reported_at: reportedAt } of waiting) {
      const order = await readSyncOrder(deps, id)
      if (order.reported_at !== reportedAt) heardAt.set(id, performance.now())
      orders.set(id, order)
    }
    const all = [...orders.values()]
    const total = all.reduce((sum, order) => sum + (order.total ?? order.done), 0)
    if (total > 0)
      onProgress(
        all.reduce((sum, order) => sum + order.done, 0),
        total,
      )
  }
}

function outcomeOf({ region, id, status, report }: SyncOrder): RegionOutcome {
  const outcome = status === 'queued' || status === 'running' ? 'silent' : status
  const { rows = 0, differing = 0, mended = 0, error = null } = report ?? {}
  return { region, outcome, order: id, rows, differing, mended, error }
}

function without(region: string, outcome: RegionOutcome['outcome']): RegionOutcome {
  return { region, outcome, order: null, rows: 0, differing: 0, mended: 0, error: null }
}
