// Compares a replica that is being followed with the centre, row by row where digests differ, and mends what does. What
// is merely on its way is no drift: a row counts that is still the same, and still wrong, once everything has come that was
// there when it was first looked at.
import { DRIFT_NAMED_MAX, type DriftRow, type SyncReport } from '@meridian/protocol/sync-orders'
import { type createSurveyor, EpochChanged, type Survey } from './feed-survey.ts'
import { heldBack, isTooMuchToRemove } from './removal-limit.ts'
import type { Replica, SpanListing, Written } from './replica.ts'
import { keyOf } from './replica-entry.ts'
import type { Place } from './replica-place.ts'
import type { Difference, Span } from './replica-spans.ts'

export type Progress = (done: number, total: number | null) => void

type Settling = { mends: (row: Difference) => boolean; signal: AbortSignal }
type Settled = { report: SyncReport; extra: number }

type Suspect = { span: Span; rows: readonly Difference[] }

/** Suspects that are looked at together, after one wait for the feed. */
const SUSPECTS_MAX = 2000
const TRIES = 20

type Options = {
  surveyor: Pick<ReturnType<typeof createSurveyor>, 'survey' | 'list'>
  replica: Pick<Replica, 'place' | 'differences' | 'mend'>
  /** Follows until everything has come that was there when this was called. */
  catchUp: (signal: AbortSignal) => Promise<Place>
  /** Follows one page further, and does not wait for news. */
  keepFollowing: (signal: AbortSignal) => Promise<void>
  onWritten: (written: Written) => void
}

type SettleOptions = { isMending: boolean; isForced: boolean; signal: AbortSignal }

export function createComparison({ surveyor, replica, catchUp, keepFollowing, onWritten }: Options) {
  async function look(span: Span, epoch: string, signal: AbortSignal) {
    const listing = await surveyor.list(span, signal)
    if (listing.epoch !== epoch) throw new EpochChanged()
    const { differences, through } = await replica.differences(listing)
    return { listing: { ...listing, span: { after: span.after, through } }, differences }
  }

  async function mend(rows: readonly Difference[], listing: SpanListing, signal: AbortSignal): Promise<number> {
    for (let attempt = 1; attempt <= TRIES; attempt += 1) {
      const place = await replica.place()
      if (place.epoch !== listing.epoch || place.rebuild !== null) throw new EpochChanged()
      const written = await replica.mend(place, rows, listing, signal)
      if (written === null) continue
      onWritten(written)
      return written.settled
    }
    throw new Error('other processes write too often to mend rows')
  }

  /** Which of the suspects are still what they were, and still wrong. */
  async function confirm(suspects: readonly Suspect[], epoch: string, signal: AbortSignal) {
    await catchUp(signal)
    const confirmed: { rows: Difference[]; listing: SpanListing }[] = []
    for (const { span, rows } of suspects) {
      const before = new Map(rows.map((row) => [keyOf(row), row]))
      for (let after = span.after, isOpen = true; isOpen; ) {
        const { listing, differences } = await look({ after, through: span.through }, epoch, signal)
        const still = differences.filter((row) => isSame(before.get(keyOf(row)), row))
        if (still.length > 0) confirmed.push({ rows: still, listing })
        after = listing.span.through
        isOpen = after !== span.through
      }
    }
    return confirmed
  }

  /** Looks at every row of the differing ranges. */
  async function settleRows({ differing, epoch, rows }: Survey, { mends, signal }: Settling): Promise<Settled> {
    const named: DriftRow[] = []
    let [count, mended, extra] = [0, 0, 0]
    let suspects: Suspect[] = []

    async function settleSuspects(): Promise<void> {
      const found = suspects.length === 0 ? [] : await confirm(suspects, epoch, signal)
      suspects = []
      for (const { rows: drift, listing } of found) {
        count += drift.length
        named.push(...drift.slice(0, DRIFT_NAMED_MAX - named.length).map(driftRow))
        extra += drift.filter(isExtra).length
        const wanted = drift.filter(mends)
        if (wanted.length > 0) mended += await mend(wanted, listing, signal)
      }
    }

    for (const range of differing) {
      for (let after = range.after, isOpen = true; isOpen; ) {
        const { listing, differences } = await look({ after, through: range.through }, epoch, signal)
        if (differences.length > 0) suspects.push({ span: listing.span, rows: differences })
        if (suspects.reduce((sum, suspect) => sum + suspect.rows.length, 0) >= SUSPECTS_MAX) await settleSuspects()
        after = listing.span.through
        isOpen = after !== range.through
      }
    }
    await settleSuspects()
    return { report: { rows, differing: count, mended, named, error: null }, extra }
  }

  /** What is to go goes last: how much that is must be known first. */
  async function settle(survey: Survey, { isMending, isForced, signal }: SettleOptions): Promise<SyncReport> {
    const mends = (row: Difference) => isMending && (isForced || !isExtra(row))
    const { report, extra } = await settleRows(survey, { mends, signal })
    if (!isMending || isForced || extra === 0) return report
    const removal = { removed: extra, held: survey.held }
    if (isTooMuchToRemove(removal)) return { ...report, error: heldBack(removal) }
    const removed = await settleRows(survey, { mends: isExtra, signal })
    return { ...report, mended: report.mended + removed.report.mended }
  }

  return {
    /** Digests first; the feed is followed meanwhile. `isRebuildBetter` in the survey: it is not mended row by row. */
    survey: async (signal: AbortSignal, onProgress: Progress): Promise<Survey> => {
      const place = await catchUp(signal)
      const survey = await surveyor.survey(signal, {
        onRows: (rows) => onProgress(rows, null),
        between: () => keepFollowing(signal),
      })
      if (survey.epoch !== place.epoch) throw new EpochChanged()
      return survey
    },
    settle,
  }
}

function isExtra({ revision }: Difference): boolean {
  return revision === null
}

function isSame(before: Difference | undefined, now: Difference): boolean {
  return (
    before !== undefined &&
    JSON.stringify([before.held, before.gone, before.own]) === JSON.stringify([now.held, now.gone, now.own]) &&
    whatOf(before) === whatOf(now)
  )
}

function whatOf({ held, revision }: Difference): string {
  if (held === null) return 'missing'
  if (revision === null) return 'extra'
  if (revision === held.revision) return 'changed'
  return revision > held.revision ? 'behind' : 'ahead'
}

function driftRow(row: Difference): DriftRow {
  const { kind, id, held, revision, own } = row
  const what = revision === null ? 'extra' : held === null || own === 'missing' ? 'missing' : 'different'
  return { kind, id, what, held_revision: what === 'missing' ? null : (held?.revision ?? null), revision }
}
