// Follows the centre's revocation lane: what comes is refused from that moment on, then kept in the region's own
// database together with the place in the lane, so that a restart forgets nothing, with the centre away too.
import { type ReceivedRevocationPage, type Revocation, revocationSchema } from '@meridian/protocol/revocations'
import { createBackgroundRefresh, type Schedule } from './background-refresh.ts'
import type { OperationalLog } from './operational-log.ts'
import type { Revocations } from './revocations.ts'

export interface StoredRevocations {
  revocations: readonly Revocation[]
  /** Null where the lane was never followed to its end. */
  cursor: string | null
}

export interface RevocationNews extends StoredRevocations {
  cursor: string
  /** As in `Revocations.replace`: what has versions and is not named is forgotten. */
  replaces: boolean
}

export interface RevocationStore {
  load(): Promise<StoredRevocations>
  /** Adds what is newer than what is stored, and the cursor, in one transaction. */
  save(news: RevocationNews): Promise<void>
}

export interface RevocationFollowerOptions {
  /** Asks the centre, which answers when there is something, or after `waitSeconds`. */
  loadPage: (after: string | null, waitSeconds: number, signal: AbortSignal) => Promise<ReceivedRevocationPage>
  store: RevocationStore
  revocations: Pick<Revocations, 'apply' | 'replace'>
  nowMs: () => number
  random: () => number
  schedule: Schedule
  log: OperationalLog
}

export interface RevocationFollower {
  /** Loads what is stored, and begins to follow. Rejects where that cannot be read: it would let in what was revoked. */
  start(): Promise<void>
  /** Asks once, or joins the question under way. */
  refresh(): Promise<void>
  /** How long ago everything was known, in seconds; infinite before the first answer. */
  staleSeconds(): number
  stop(): void
}

/** With a question that times out, news stay younger than half of what routes that ask for fresh ones bear. */
const WAIT_SECONDS = 10
const RETRY = { firstMs: 250, lastMs: 4_000 }
/** An empty cursor's age matters only after a restart: it is not stored each time. */
const SAVE_CURSOR_EVERY_MS = 300_000
const WARN_EVERY_MS = 60_000
/** A centre that does not wait must not be asked without a pause. */
const PAUSE_MS = 20
const IDLE_PAUSE_MS = 1_000

export function createRevocationFollower(options: RevocationFollowerOptions): RevocationFollower {
  const { store, revocations, nowMs, log } = options
  let cursor: string | null = null
  let everything: readonly Revocation[] = []
  let answeredAtMs: number | null = null
  let savedAtMs = Number.NEGATIVE_INFINITY
  let warnedAtMs: number | null = null

  async function load(): Promise<void> {
    const stored = await store.load()
    for (const revocation of stored.revocations) revocations.apply(revocation)
    cursor = stored.cursor
  }

  async function fetchOnce(signal: AbortSignal): Promise<number> {
    const askedAtMs = nowMs()
    const page = await options.loadPage(cursor, WAIT_SECONDS, signal)
    const told = understand(page.revocations, log)
    for (const revocation of told) revocations.apply(revocation)
    const whole = page.full && !page.begins ? [...everything, ...told] : told
    if (page.full && !page.more) revocations.replace(whole)
    if (!page.more) answeredAtMs = nowMs()
    await keep(page, whole)
    // Only now: a page that could not be stored comes again.
    everything = page.full && page.more ? whole : []
    cursor = page.cursor
    heal()
    if (page.more) return 0
    return told.length === 0 && nowMs() - askedAtMs < IDLE_PAUSE_MS ? IDLE_PAUSE_MS : PAUSE_MS
  }

  async function keep(page: ReceivedRevocationPage, told: readonly Revocation[]): Promise<void> {
    // Everything is stored at once: in part it would replace what it does not name yet.
    if (page.full && page.more) return
    if (!page.full && told.length === 0 && nowMs() - savedAtMs < SAVE_CURSOR_EVERY_MS) return
    await store.save({ revocations: told, replaces: page.full, cursor: page.cursor })
    savedAtMs = nowMs()
  }

  function warn(error: unknown): void {
    if (warnedAtMs !== null && nowMs() - warnedAtMs < WARN_EVERY_MS) return
    warnedAtMs = nowMs()
    log.warn({ err: error, stale_seconds: Math.round(staleSeconds()) }, 'the revocation lane cannot be followed')
  }

  function heal(): void {
    if (warnedAtMs !== null) log.info({}, 'the revocation lane is followed again')
    warnedAtMs = null
  }

  // A clock that was set back makes old news look new for a while, unless its distance counts both ways.
  function staleSeconds(): number {
    return answeredAtMs === null ? Number.POSITIVE_INFINITY : Math.abs(nowMs() - answeredAtMs) / 1000
  }

  const background = createBackgroundRefresh({ ...options, fetchOnce, onFailure: warn, retry: RETRY })
  return {
    start: async () => {
      await load()
      background.start()
    },
    refresh: background.refresh,
    staleSeconds,
    stop: background.stop,
  }
}

/** An entry of a kind that this build does not know is passed over, loudly: the others must not wait for it. */
function understand(entries: readonly unknown[], log: OperationalLog): readonly Revocation[] {
  const known: Revocation[] = []
  const unknown = new Set<string>()
  for (const entry of entries) {
    const parsed = revocationSchema.safeParse(entry)
    if (parsed.success) known.push(parsed.data)
    else unknown.add(String((entry as { kind?: unknown } | null)?.kind).slice(0, 40))
  }
  if (unknown.size > 0) {
    log.error({ kinds: [...unknown].slice(0, 10), alarm: true }, 'revocations of a kind that is not known here')
  }
  return known
}
