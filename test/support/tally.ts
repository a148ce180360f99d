// Counts a test run from tap's own event stream (`--reporter=jsonstream`): every assertion is one. A file
// that failed without a failing assertion, reported nothing or never reported counts as one failure.

export interface Fault {
  name: string
  detail: unknown
}

export interface FileResult {
  file: string
  passed: number
  seconds: number
  faults: Fault[]
  skips: { name: string; reason: string }[]
}

interface Point {
  name?: string
  fullname?: string
  ok?: boolean
  level?: number
  skip?: string | true
  todo?: string | true
  diag?: unknown
  time?: number
  plan?: { skipAll?: boolean }
  tapError?: unknown
}

const emptyResult = (file: string): FileResult => ({ file, passed: 0, seconds: 0, faults: [], skips: [] })

const reasonOf = (mark: string | true | undefined, otherwise: string) =>
  typeof mark === 'string' && mark !== '' ? mark : otherwise

export class Tally {
  readonly files: FileResult[] = []
  readonly faults: Fault[] = []
  readonly #expected: Set<string>
  #current = emptyResult('')
  #complete = false

  constructor(expected: string[]) {
    this.#expected = new Set(expected)
  }

  /** Takes one line of the stream; answers the file's result when the line closes one. */
  add(line: string): FileResult | undefined {
    const event = parseEvent(line)
    if (!event) return undefined
    const [kind, point] = event
    const name = point.fullname ?? point.name ?? ''
    if (kind === 'start' && point.level === 1) this.#current = emptyResult(point.name ?? '')
    else if (kind === 'pass') this.#current.passed++
    else if (kind === 'fail') this.#current.faults.push({ name, detail: point.diag ?? point.tapError })
    else if (kind === 'skip') this.#current.skips.push({ name, reason: reasonOf(point.skip, 'no reason given') })
    else if (kind === 'todo') this.#current.skips.push({ name, reason: reasonOf(point.todo, 'to do') })
    else if (kind === 'bailout') this.faults.push({ name: 'the run was bailed out', detail: point })
    else if (kind === 'end') return this.#end(point, name)
    return undefined
  }

  /** Call once, when tap has ended. */
  close(exit: { code: number | null; signal: NodeJS.Signals | null }): void {
    for (const file of this.#expected) {
      const detail = 'the file never reported its end'
      this.files.push({ ...emptyResult(file), faults: [{ name: file, detail }] })
    }
    if (!this.#complete) this.faults.push({ name: 'tap', detail: `tap did not finish: ${exit.signal ?? exit.code}` })
    else if (exit.code !== 0 && this.failed === 0) {
      this.faults.push({ name: 'tap', detail: `tap ended with ${exit.signal ?? exit.code} though nothing failed` })
    }
  }

  get passed(): number {
    return this.files.reduce((sum, file) => sum + file.passed, 0)
  }

  get failed(): number {
    return this.files.reduce((sum, file) => sum + file.faults.length, this.faults.length)
  }

  get skipped(): number {
    return this.files.reduce((sum, file) => sum + file.skips.length, 0)
  }

  get remaining(): string[] {
    return [...this.#expected]
  }

  #end(point: Point, name: string): FileResult | undefined {
    if (point.level === 0) this.#complete = true
    if (point.level === 1) return this.#endFile(point)
    if (point.level !== undefined && point.level > 1 && point.plan?.skipAll) {
      this.#current.skips.push({ name, reason: reasonOf(point.skip, 'it asserts nothing') })
    }
    return undefined
  }

  #endFile(point: Point): FileResult {
    const result = this.#current
    this.#expected.delete(result.file)
    result.seconds = (point.time ?? 0) / 1000
    const reason = reasonOf(point.skip, 'no tests found')
    const silent = result.passed + result.faults.length + result.skips.length === 0
    if (!point.ok && result.faults.length === 0) result.faults.push({ name: result.file, detail: point.diag })
    else if (silent && reason === 'no tests found') {
      result.faults.push({ name: result.file, detail: 'the file holds no test' })
    } else if (silent) result.skips.push({ name: result.file, reason })
    this.files.push(result)
    return result
  }
}

function parseEvent(line: string): [string, Point] | undefined {
  if (!line.startsWith('[')) return undefined
  try {
    const event: unknown = JSON.parse(line)
    if (!Array.isArray(event) || typeof event[0] !== 'string') return undefined
    const point: unknown = event[1]
    return [event[0], typeof point === 'object' && point !== null ? (point as Point) : { name: String(point) }]
  } catch {
    return undefined
  }
}
