// The figures as text for people, and as JSON for whoever compares runs.
import { median, type SideFigures } from './rounds.ts'

export type Section = {
  readonly title: string
  readonly figures: readonly SideFigures[]
  /** The side that the others are divided by; absent where nothing is compared. */
  readonly base?: string
  readonly notes: readonly string[]
}

export type Ratio = {
  readonly side: string
  readonly base: string
  readonly median: number
  readonly byRound: readonly number[]
}

/** How many times the base's rate each other side has, round by round. */
export function ratiosOf(section: Section): readonly Ratio[] {
  const base = section.figures.find((side) => side.name === section.base)
  if (base === undefined) return []
  return section.figures
    .filter((side) => side !== base)
    .map((side) => {
      const byRound = side.rates.map((rate, index) => rate / (base.rates[index] ?? Number.NaN))
      return { side: side.name, base: base.name, median: median(byRound), byRound }
    })
}

const COLUMNS = ['', 'median/s', 'rounds/s', 'cpu ms', 'others %', 'p50 ms', 'p95 ms', 'p99 ms']

export function formatSection(section: Section): string {
  const rows = section.figures.map((side) => [
    side.name,
    String(Math.round(side.medianRate)),
    side.rates.map((rate) => Math.round(rate)).join(' '),
    side.processorMsPerRequest === null ? '-' : side.processorMsPerRequest.toFixed(3),
    side.takenByOthers.map((share) => Math.round(share * 100)).join(' ') || '-',
    ...[side.p50Ms, side.p95Ms, side.p99Ms].map((latency) => latency?.toFixed(2) ?? '-'),
  ])
  const ratios = ratiosOf(section).map(({ side, base, median: middle, byRound }) => {
    const [lowest, highest] = [Math.min(...byRound), Math.max(...byRound)].map((ratio) => ratio.toFixed(2))
    return `${side} : ${base} = ${middle.toFixed(2)} (rounds ${lowest} to ${highest})`
  })
  const notes = section.notes.map((note) => `note: ${note}`)
  return [section.title, ...formatTable([COLUMNS, ...rows]), ...ratios, ...notes].join('\n')
}

function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
}
