// Carries out the centre's orders to erase, and says so only when it is done: whoever dies in between does it again.
// Of an organization all rows go. Of a person their name, address and memberships go; their id stays beside what they
// wrote, which is their organization's: the id of somebody erased names nobody. Both leave a tombstone: nobody comes back
// in under that id, from the change feed neither.
import { type ErasureOrder, erasureOrderPageSchema } from '@meridian/protocol/erasures'
import { orgIdSchema, userIdSchema } from '@meridian/protocol/ids'
import { createBackgroundRefresh, type Schedule } from '@meridian/resource-server/background-refresh'
import { readBoundedText } from '@meridian/resource-server/bounded-text'
import type { Centre } from '@meridian/resource-server/centre'
import { CentreUnavailable } from '@meridian/resource-server/centre-token'
import type { OperationalLog } from '@meridian/resource-server/operational-log'
import type { Revocations } from '@meridian/resource-server/revocations'
import { deleteOrganization, type ErasedSubject, entomb, listErasedSubjects } from '../store/erased-subjects.ts'
import type { RegionDatabase } from '../store/open-store.ts'

export type ErasureFollower = {
  /** Loads the tombstones, and begins to ask. Rejects where they cannot be read. */
  start(): Promise<void>
  /** Asks once, and carries out what is open. */
  refresh(): Promise<void>
  /** Resolves when nothing is being erased any more. */
  stop(): Promise<void>
}

type ErasureFollowerOptions = {
  readonly centre: Centre
  readonly region: string
  readonly database: RegionDatabase
  readonly revocations: Pick<Revocations, 'erase'>
  readonly nowMs: () => number
  readonly random: () => number
  readonly schedule: Schedule
  readonly log: OperationalLog
}

const ASK_EVERY_MS = 60_000
const TIMEOUT_MS = 10_000
const ANSWER_MAX_BYTES = 256 * 1024

export function createErasureFollower(options: ErasureFollowerOptions): ErasureFollower {
  const { centre, database, revocations, log } = options
  const path = `/v1/regions/${encodeURIComponent(options.region)}/erasures`
  let working: Promise<unknown> = Promise.resolve()

  async function loadTombstones(which: 'all' | 'recent'): Promise<void> {
    for (const subject of await listErasedSubjects(database, which)) refuse(subject)
  }

  function refuse({ kind, subjectId }: ErasedSubject): void {
    if (kind === 'user') revocations.erase({ kind, userId: userIdSchema.parse(subjectId) })
    else revocations.erase({ kind, orgId: orgIdSchema.parse(subjectId) })
  }

  async function carryOut({ id, kind, subject_id: subjectId }: ErasureOrder, stopping: AbortSignal): Promise<void> {
    refuse({ kind, subjectId })
    await entomb(database, { kind, subjectId })
    const rows = kind === 'organization' ? await deleteOrganization(database, orgIdSchema.parse(subjectId)) : 0
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(`${path}/${id}`, signal, { method: 'PUT' })
    await response.body?.cancel()
    if (response.status !== 204) throw new CentreUnavailable('the centre took no acknowledgement', response.status)
    log.info({ order: id, kind, rows }, 'erased')
  }

  /** One order that fails holds up no other. */
  async function carryOutAll(stopping: AbortSignal): Promise<number> {
    await loadTombstones('recent')
    let failed = 0
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await loadOrders(cursor, stopping)
      for (const order of page.orders) {
        stopping.throwIfAborted()
        await carryOut(order, stopping).catch((error: unknown) => {
          failed += 1
          log.warn({ err: error, order: order.id }, 'an order to erase was not carried out; it is tried again')
        })
      }
      cursor = page.next_cursor
    }
    if (failed > 0) throw new Error(`${failed} orders to erase are still open`)
    return ASK_EVERY_MS
  }

  async function loadOrders(cursor: string | undefined, stopping: AbortSignal) {
    const query = new URLSearchParams({ limit: '100', ...(cursor === undefined ? {} : { cursor }) })
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(TIMEOUT_MS)])
    const response = await centre.ask(`${path}?${query}`, signal)
    const text = await readBoundedText(response, ANSWER_MAX_BYTES)
    if (response.status !== 200) throw new CentreUnavailable('the centre gave no orders to erase', response.status)
    return erasureOrderPageSchema.parse(JSON.parse(text))
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: (stopping) => {
      const work = carryOutAll(stopping)
      working = work.catch(() => {})
      return work
    },
    onFailure: (error) => log.warn({ err: error }, 'orders to erase could not be read, or not all carried out'),
  })
  return {
    start: async () => {
      await loadTombstones('all')
      background.start()
    },
    refresh: background.refresh,
    stop: async () => {
      background.stop()
      await working
    },
  }
}
