// Follows the centre's change feed into a replica: page by page, each in one transaction with the place, whatever fails
// in between. Where the place is lost it compares and mends, or reads everything anew. One thing at a time: a comparison
// or a rebuild that is asked for interrupts the waiting for news.
import { FEED_KINDS, type ReceivedChanges } from '@meridian/protocol/feed'
import type { SyncReport } from '@meridian/protocol/sync-orders'
import { createBackgroundRefresh, type Schedule } from './background-refresh.ts'
import { createComparison, type Progress } from './feed-comparison.ts'
import { CentreBusy, CursorGone, type FeedLoaders } from './feed-loaders.ts'
import { createSurveyor, isOlderEpoch, isRebuilding, OlderEpoch, rebuildFromTheFirst } from './feed-survey.ts'
import type { OperationalLog } from './operational-log.ts'
import { heldBack, isTooMuchToRemove } from './removal-limit.ts'
import type { Replica, Written } from './replica.ts'
import type { Place, Rebuild } from './replica-place.ts'

export interface FeedFollowerOptions {
  loaders: FeedLoaders
  replica: Replica
  /** What the centre would like done; not waited for, and told again with each page until it is. */
  onOrders?: (orders: ReceivedChanges['orders']) => void
  nowMs: () => number
  random: () => number
  schedule: Schedule
  log: OperationalLog
}

export interface FeedFollower {
  /** Reads the place, and begins to follow. Rejects where it cannot be read. */
  start(): Promise<void>
  /** Asks once, or joins the question under way; or does a step of what is to be done instead. */
  refresh(): Promise<void>
  /** Resolves when nothing is being written any more. */
  stop(): Promise<void>
  /** As the last page said; null before the first. */
  behindSeconds(): number | null
  /** Everything that was changed at the centre before this instant of our clock is here; null before the first time. */
  caughtUpAtMs(): number | null
  /** How long ago that was; infinite before the first time. */
  staleSeconds(): number
  /** Where it stands, as far as this process knows; null before the start. */
  place(): Place | null
  /** Called after the commit with the kinds that have changed, by whichever process of this service. */
  onApplied(listener: (kinds: ReadonlySet<string>) => void): void
  /** Names what differs from the centre. Of all three: the signal calls it off, and rejects. */
  compare(onProgress?: Progress, signal?: AbortSignal): Promise<SyncReport>
  /** Also mends it. What would take too much away (removal-limit.ts) is held back, and told as its error, unless forced. */
  repair(onProgress?: Progress, signal?: AbortSignal, options?: { isForced: boolean }): Promise<SyncReport>
  /**
   * Reads everything anew; goes on after a death of the process. Resolves when it is done, however long that takes. Called
   * off, following goes on from the place that is held, if the centre still knows that. Does nothing where too much would
   * go, unless forced.
   */
  rebuild(onProgress?: Progress, signal?: AbortSignal, options?: { isForced: boolean }): Promise<SyncReport>
}

type Job = {
  run: (signal: AbortSignal) => Promise<SyncReport>
  resolve: (report: SyncReport) => void
  reject: (error: unknown) => void
  /** Calls it off. */
  signal: AbortSignal
  attemptsMax: number
  attempts: number
}

/** With a question that times out, news stay younger than half of what routes that ask for fresh ones bear. */
const WAIT_SECONDS = 10
const RETRY = { firstMs: 250, lastMs: 4_000 }
const WARN_EVERY_MS = 60_000
/** A centre that does not wait must not be asked without a pause. */
const PAUSE_MS = 20
const IDLE_PAUSE_MS = 1_000
const RETRY_PARKED_EVERY_MS = 10 * 60_000
const FORGET_EVERY_MS = 60 * 60_000
const JOB_ATTEMPTS = 5
const CATCH_UP_MAX_MS = 60_000
/** Between two that lose their place soon after each other. */
const REJOIN = { firstMs: 1_000, lastMs: 60_000, soonMs: 60_000 }
/** What the timer's jitter leaves of a delay, at the least. */
const SHORTEST_OF_DELAY = 0.9

export function createFeedFollower(options: FeedFollowerOptions): FeedFollower {
  const { loaders, replica, nowMs, log } = options
  const surveyor = createSurveyor({ loaders, replica })
  const listeners: ((kinds: ReadonlySet<string>) => void)[] = []
  const jobs: Job[] = []
  const alarmedAtMs = new Map<string, number>()
  let place: Place | null = null
  let behindSeconds: number | null = null
  let caughtUpAtMs: number | null = null
  let warnedAtMs: number | null = null
  let retriedParkedAtMs = Number.NEGATIVE_INFINITY
  let forgotAtMs = nowMs()
  let joinedAtMs = Number.NEGATIVE_INFINITY
  /** After a place that was lost soon after it was found. */
  let rejoinPauseMs = 0
  let interruption = new AbortController()
  let working: Promise<unknown> = Promise.resolve()
  let isStopped = false

  function tell(kinds: ReadonlySet<string>): void {
    if (kinds.size > 0) for (const listener of listeners) listener(kinds)
  }

  function keep(written: Written): void {
    place = written.place
    tell(written.kinds)
    for (const [kind, entries] of written.parked) {
      if (nowMs() - (alarmedAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) continue
      alarmedAtMs.set(kind, nowMs())
      log.error({ kind, entries, alarm: true }, 'entries of the change feed are put aside')
    }
  }

  /** As it is stored: a place that another process has left would look to the centre like one from a backup. */
  async function currentPlace(): Promise<Place> {
    const known = place
    place = await replica.place()
    if (known !== null && known.turn !== place.turn) tell(new Set(FEED_KINDS))
    return place
  }

  /** Another process of this service was faster: what it wrote is news here too, of whatever kind. */
  async function keepUp(): Promise<Place> {
    place = await replica.place()
    tell(new Set(FEED_KINDS))
    return place
  }

  async function joinAnew(held: Place, signal: AbortSignal): Promise<void> {
    log.warn({ cursor: held.cursor }, 'the place in the change feed is lost: everything is compared')
    const isSoon = nowMs() - joinedAtMs < REJOIN.soonMs + rejoinPauseMs
    rejoinPauseMs = isSoon ? Math.min(Math.max(rejoinPauseMs * 2, REJOIN.firstMs), REJOIN.lastMs) : 0
    const moved = await surveyor.joinAnew(held, signal, { onWritten: keep, onHeldBack: tellHeldBack })
    if (moved === null) await keepUp()
    else place = moved
    joinedAtMs = nowMs()
  }

  function tellHeldBack(why: string): void {
    log.error({ why, alarm: true }, 'what the centre lists no more is kept')
  }

  const rejoinPauseSince = (sinceMs: number) => (joinedAtMs >= sinceMs ? rejoinPauseMs : 0)

  /** Asks for one page and applies it. Null: there was another thing to do. */
  async function followOn(held: Place, waitSeconds: number, signal: AbortSignal): Promise<ReceivedChanges | null> {
    const askedAtMs = nowMs()
    let page: ReceivedChanges
    try {
      page = await loaders.loadChanges(held.cursor, waitSeconds, signal)
    } catch (error) {
      if (!(error instanceof CursorGone)) throw error
      await joinAnew(held, signal)
      return null
    }
    if (isOlderEpoch(page.epoch, held.epoch)) throw new OlderEpoch()
    if (held.cursor !== null && held.epoch !== page.epoch) {
      await joinAnew(held, signal)
      return null
    }
    const isNews = page.entries.length > 0 || page.cursor !== held.cursor
    const written = isNews ? await replica.apply(held, page, signal) : null
    if (written !== null) keep(written)
    else if (isNews || (await replica.place()).turn !== held.turn) {
      await keepUp()
      return null
    }
    behindSeconds = page.behind_seconds
    // The answer may have been long on its way.
    if (!page.more) caughtUpAtMs = askedAtMs - page.behind_seconds * 1000
    return page
  }

  async function catchUp(signal: AbortSignal): Promise<Place> {
    const sinceMs = nowMs()
    for (let waitSeconds = 0; ; waitSeconds = 1) {
      const askedAtMs = nowMs()
      if (askedAtMs - sinceMs > CATCH_UP_MAX_MS) throw new Error('the feed could not be caught up with')
      const held = await currentPlace()
      if (isRebuilding(held)) await rebuildOn(held, signal)
      else {
        const page = await followOn(held, waitSeconds, signal)
        if (page === null && rejoinPauseSince(askedAtMs) > 0)
          throw new Error('the place in the feed is lost again and again')
        const isPast = page !== null && !page.more && page.behind_seconds * 1000 <= askedAtMs - sinceMs
        if (isPast) return currentPlace()
      }
    }
  }

  async function rebuildOn(held: Place & { rebuild: Rebuild }, signal: AbortSignal) {
    const written = await surveyor.rebuildOn(held, signal)
    if (written === null) await keepUp()
    else keep(written)
    return written
  }

  async function keepFollowing(signal: AbortSignal): Promise<void> {
    const held = await currentPlace()
    if (!isRebuilding(held)) await followOn(held, 0, signal)
  }

  const comparison = createComparison({ surveyor, replica, catchUp, keepFollowing, onWritten: keep })

  function comparing(isMending: boolean, onProgress: Progress, isForced = false): Job['run'] {
    const readAnew = readingAnew(onProgress)
    return async (signal) => {
      const survey = await comparison.survey(signal, onProgress)
      const mayReadAnew = isForced || !isTooMuchToRemove(survey)
      if (isMending && survey.isRebuildBetter && mayReadAnew) return readAnew(signal)
      const report = await comparison.settle(survey, { isMending, isForced, signal })
      if (isMending && report.error !== null) tellHeldBack(report.error)
      onProgress(report.rows, report.rows)
      return report
    }
  }

  function readingAnewUnlessEmptied(onProgress: Progress): Job['run'] {
    const readAnew = readingAnew(onProgress)
    return async (signal) => {
      const survey = isRebuilding(await currentPlace()) ? null : await surveyor.survey(signal)
      if (survey === null || !isTooMuchToRemove(survey)) return readAnew(signal)
      const error = heldBack(survey)
      tellHeldBack(error)
      return { rows: survey.rows, differing: survey.removed, mended: 0, named: [], error }
    }
  }

  /** Joins the rebuild under way, or begins one. Run again after a failure it goes on. */
  function readingAnew(onProgress: Progress): Job['run'] {
    let [rows, differing, isBegun] = [0, 0, false]
    return async (signal) => {
      for (;;) {
        signal.throwIfAborted()
        const held = await currentPlace()
        if (isRebuilding(held)) {
          isBegun = true
          const written = await rebuildOn(held, signal)
          rows = written?.rows ?? rows
          differing += written?.differing ?? 0
          onProgress(rows, null)
        } else if (isBegun) {
          return { rows, differing, mended: differing, named: [], error: null }
        } else {
          place = await replica.move(held, rebuildFromTheFirst)
        }
      }
    }
  }

  async function poll(held: Place, stopping: AbortSignal): Promise<number> {
    const askedAtMs = nowMs()
    const interrupted = interruption.signal
    // Waiting for news would leave it unknown for as long whether there are any.
    const waitSeconds = caughtUpAtMs === null || warnedAtMs !== null ? 0 : WAIT_SECONDS
    try {
      const page = await followOn(held, waitSeconds, AbortSignal.any([stopping, interrupted]))
      heal()
      if (page === null) return rejoinPauseSince(askedAtMs)
      if (page.orders.length > 0) options.onOrders?.(page.orders)
      if (page.more) return 0
      return page.entries.length === 0 && nowMs() - askedAtMs < IDLE_PAUSE_MS ? IDLE_PAUSE_MS : PAUSE_MS
    } catch (error) {
      if (!interrupted.aborted || stopping.aborted) throw error
      return 0
    }
  }

  async function runJob(job: Job, stopping: AbortSignal): Promise<number> {
    try {
      job.signal.throwIfAborted()
      job.attempts += 1
      const report = await job.run(AbortSignal.any([stopping, job.signal]))
      jobs.shift()
      job.resolve(report)
    } catch (error) {
      if (job.signal.aborted && !stopping.aborted) {
        job.reject(error)
        await callOffRebuild(stopping)
        jobs.shift()
        return 0
      }
      if (job.attempts >= job.attemptsMax) {
        jobs.shift()
        job.reject(error)
      }
      throw error
    }
    return 0
  }

  /** One without which the feed can be followed. */
  async function callOffRebuild(stopping: AbortSignal): Promise<void> {
    const held = await currentPlace()
    if (!isRebuilding(held) || held.cursor === null) return
    try {
      const page = await loaders.loadChanges(held.cursor, 0, stopping)
      if (page.epoch !== held.epoch || page.epoch !== (held.rebuild.epoch ?? page.epoch)) return
    } catch (error) {
      if (error instanceof CursorGone) return
      throw error
    }
    const moved = await replica.move(held, { rebuild: null })
    if (moved === null) await keepUp()
    else place = moved
  }

  /** Now and then: what is put aside is tried again, and what was gone long ago is forgotten. */
  async function tidy(signal: AbortSignal): Promise<void> {
    if (nowMs() - retriedParkedAtMs >= RETRY_PARKED_EVERY_MS) {
      const written = await replica.retryParked(await currentPlace(), signal)
      if (written === null) await keepUp()
      else keep(written)
      retriedParkedAtMs = nowMs()
    }
    if (nowMs() - forgotAtMs >= FORGET_EVERY_MS) {
      await replica.forget()
      forgotAtMs = nowMs()
    }
  }

  /** A centre that is busy is asked later: that is no alarm. */
  async function doNextOrPause(stopping: AbortSignal): Promise<number> {
    try {
      return await doNext(stopping)
    } catch (error) {
      if (!(error instanceof CentreBusy)) throw error
      return error.retryAfterMs / SHORTEST_OF_DELAY
    }
  }

  async function doNext(stopping: AbortSignal): Promise<number> {
    await tidy(stopping)
    const [job] = jobs
    if (job !== undefined) return runJob(job, stopping)
    const held = await currentPlace()
    if (!isRebuilding(held)) return poll(held, stopping)
    await rebuildOn(held, stopping)
    heal()
    return 0
  }

  function ask(
    run: Job['run'],
    attemptsMax: number,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<SyncReport> {
    const asked = Promise.withResolvers<SyncReport>()
    if (isStopped) asked.reject(new Error('the change feed is followed no more'))
    else jobs.push({ ...asked, run, signal, attemptsMax, attempts: 0 })
    interruption.abort()
    interruption = new AbortController()
    void background.refresh()
    return asked.promise
  }

  function warn(error: unknown): void {
    if (warnedAtMs !== null && nowMs() - warnedAtMs < WARN_EVERY_MS) return
    warnedAtMs = nowMs()
    const details = { err: error, stale_seconds: Math.round(staleSeconds()) }
    if (error instanceof OlderEpoch) log.error({ ...details, alarm: true }, 'the change feed is refused')
    else log.warn(details, 'the change feed cannot be followed')
  }

  function heal(): void {
    if (warnedAtMs !== null) log.info({}, 'the change feed is followed again')
    warnedAtMs = null
  }

  // A clock that was set back makes old news look new for a while, unless its distance counts both ways.
  function staleSeconds(): number {
    return caughtUpAtMs === null ? Number.POSITIVE_INFINITY : Math.abs(nowMs() - caughtUpAtMs) / 1000
  }

  const background = createBackgroundRefresh({
    ...options,
    fetchOnce: (stopping) => {
      const work = doNextOrPause(stopping)
      working = work.catch(() => {})
      return work
    },
    onFailure: warn,
    retry: RETRY,
  })

  return {
    start: async () => {
      place = await replica.place()
      background.start()
    },
    refresh: background.refresh,
    stop: async () => {
      isStopped = true
      background.stop()
      await working
      for (const job of jobs.splice(0)) job.reject(new Error('the change feed is followed no more'))
    },
    behindSeconds: () => behindSeconds,
    caughtUpAtMs: () => caughtUpAtMs,
    staleSeconds,
    place: () => place,
    onApplied: (listener) => {
      listeners.push(listener)
    },
    compare: (onProgress = () => {}, signal) => ask(comparing(false, onProgress), JOB_ATTEMPTS, signal),
    repair: (onProgress = () => {}, signal, { isForced } = { isForced: false }) =>
      ask(comparing(true, onProgress, isForced), JOB_ATTEMPTS, signal),
    rebuild: (onProgress = () => {}, signal, { isForced } = { isForced: false }) => {
      const run = isForced ? readingAnew(onProgress) : readingAnewUnlessEmptied(onProgress)
      return ask(run, Number.POSITIVE_INFINITY, signal)
    },
  }
}
