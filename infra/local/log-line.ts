// The services log one JSON object a line; these are the same lines for people.

type LogEntry = { level?: unknown; msg?: unknown; err?: { message?: unknown }; [field: string]: unknown }

const SHOWN_LEVELS: readonly unknown[] = ['warn', 'error', 'fatal']
const LEFT_OUT = new Set(['level', 'time', 'service', 'msg', 'err'])

/** Warnings, errors, and whatever is no log entry at all. */
export function isWorthShowing(line: string): boolean {
  const entry = parseEntry(line)
  return entry === undefined ? line.trim() !== '' : SHOWN_LEVELS.includes(entry.level)
}

export function readableLine(line: string): string {
  const entry = parseEntry(line)
  if (entry === undefined) return line
  const details = Object.entries(entry)
    .filter(([name, value]) => !LEFT_OUT.has(name) && (typeof value === 'string' || typeof value === 'number'))
    .map(([name, value]) => `${name}=${value}`)
  const reason = entry.err?.message === undefined ? [] : [`(${String(entry.err.message)})`]
  return [String(entry.level), String(entry.msg), ...reason, ...details].join(' ')
}

function parseEntry(line: string): LogEntry | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const entry = JSON.parse(line) as LogEntry
    return 'level' in entry && 'msg' in entry ? entry : undefined
  } catch {
    return undefined
  }
}
