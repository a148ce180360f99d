// What a test run prints: a line for each file as it ends, its faults in full, and at the end what failed,
// what did not run and why, and the count.
import { styleText } from 'node:util'
import type { FileResult, Tally } from './tally.ts'

const LONGEST_NAME = 200
const DIAGNOSTIC_ORDER = ['expired', 'exitCode', 'signal', 'diff', 'found', 'wanted', 'stack']

export function fileLine({ file, passed, seconds, faults, skips }: FileResult): string {
  const word =
    faults.length > 0
      ? styleText('red', 'FAIL')
      : skips.length > 0
        ? styleText('yellow', 'SKIP')
        : styleText('green', 'PASS')
  const counts = [
    `${passed} passed`,
    ...(faults.length > 0 ? [`${faults.length} failed`] : []),
    ...(skips.length > 0 ? [`${skips.length} skipped`] : []),
  ]
  return `${word}  ${file}  ${counts.join(', ')}  ${seconds.toFixed(1)} s`
}

export function faultText({ faults }: FileResult): string {
  return faults.map(({ name, detail }) => `  ✖ ${name}\n${indent(detailText(detail))}`).join('\n')
}

function detailText(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return String(detail ?? 'no detail was reported')
  const found = detail as Record<string, unknown>
  const at = found['at'] as { fileName?: string; lineNumber?: number } | undefined
  const where = at?.fileName ? [`at ${at.fileName}:${at.lineNumber}`] : []
  const parts = DIAGNOSTIC_ORDER.filter((key) => found[key] !== undefined && found[key] !== null).map((key) => {
    const value = typeof found[key] === 'string' ? found[key].trimEnd() : JSON.stringify(found[key])
    return value.includes('\n') ? value : `${key}: ${value}`
  })
  return [...where, ...parts].join('\n') || JSON.stringify(detail)
}

const indent = (text: string) => text.replace(/^/gm, '      ')

/** Everything after the last file; its last line is the count. */
export function summary(tally: Tally): string {
  const lines: string[] = ['']
  const faults = [...tally.files.flatMap((file) => file.faults), ...tally.faults]
  if (faults.length > 0) {
    const names = new Set(faults.map(({ name }) => `  ${name.slice(0, LONGEST_NAME)}`))
    lines.push(styleText('red', 'FAILED:'), ...names, '')
    lines.push(...tally.faults.map(({ name, detail }) => `${name}: ${detailText(detail)}`))
  }
  if (tally.skipped > 0) lines.push(styleText('yellow', 'SKIPPED, these did not run:'), ...skipLines(tally), '')
  if (tally.passed + tally.failed + tally.skipped === 0) lines.push('No test ran.')
  lines.push(countLine(tally))
  return lines.join('\n')
}

function skipLines(tally: Tally): string[] {
  return tally.files.flatMap(({ file, skips }) => {
    const reasons = Map.groupBy(skips, ({ reason }) => reason)
    return [...reasons].flatMap(([reason, found]) => [
      `  ${file}: ${reason}`,
      ...found.map(({ name }) => `    ${name.replace(`${file} > `, '')}`),
    ])
  })
}

export function countLine({ passed, failed, skipped }: Pick<Tally, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
