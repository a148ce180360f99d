// Counts a test run from tap's own output: every assertion is one. A file that failed without a failing
// assertion, that holds no test or that never reported counts as one failure.
import { Parser, type Result } from 'tap-parser'

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

const NO_TESTS = 'no tests found'

const emptyResult = (file: string): FileResult => ({ file, passed: 0, seconds: 0, faults: [], skips: [] })

const reasonOf = (mark: boolean | string, otherwise: string) =>
  typeof mark === 'string' && mark !== '' ? mark : otherwise

export class Tally {
  readonly files: FileResult[] = []
  readonly faults: Fault[] = []
  readonly #expected: Set<string>
  readonly #parser = new Parser()
  #current = emptyResult('')

  /** `ended` is told of each file as its result comes in. */
  constructor(expected: string[], ended: (result: FileResult) => void) {
    this.#expected = new Set(expected)
    this.#parser.on('child', (child: Parser) => this.#watch(child))
    this.#parser.on('assert', (point: Result) => ended(this.#endFile(point)))
    this.#parser.on('bailout', (reason: string) => this.faults.push({ name: 'the run was bailed out', detail: reason }))
  }

  /** Takes a piece of tap's output. */
  add(tap: string): void {
    this.#parser.write(tap)
  }

  /** Call once, when tap has ended. */
  close(exit: { code: number | null; signal: NodeJS.Signals | null }): void {
    this.#parser.end()
    for (const file of this.#expected) {
      const detail = 'the file never reported its end'
      this.files.push({ ...emptyResult(file), faults: [{ name: file, detail }] })
    }
    const end = `tap ended with ${exit.signal ?? exit.code}`
    if (exit.signal !== null || exit.code === null) this.faults.push({ name: 'tap', detail: end })
    else if (exit.code !== 0 && this.failed === 0) {
      this.faults.push({ name: 'tap', detail: `${end} though nothing failed` })
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

  get remaining(): number {
    return this.#expected.size
  }

  /** Follows a subtest: a point that closes a subtest of its own is that one's verdict, and no assertion. */
  #watch(parser: Parser): void {
    let inner: { faultsBefore: number; empty: boolean } | undefined
    parser.on('child', (child: Parser) => {
      const opened = { faultsBefore: this.#current.faults.length, empty: false }
      inner = opened
      child.on('plan', (plan: { start: number; end: number }) => {
        opened.empty = plan.end < plan.start
      })
      this.#watch(child)
    })
    parser.on('assert', (point: Result) => {
      if (!point.closingTestPoint) this.#count(point)
      else if (!point.ok && inner?.faultsBefore === this.#current.faults.length) this.#fail(point)
      else if (point.ok && inner?.empty) this.#skip(point, reasonOf(point.skip, 'it asserts nothing'))
      inner = undefined
    })
  }

  #count(point: Result): void {
    if (point.skip) this.#skip(point, reasonOf(point.skip, 'no reason given'))
    else if (point.todo) this.#skip(point, reasonOf(point.todo, 'to do'))
    else if (point.ok) this.#current.passed++
    else this.#fail(point)
  }

  #fail({ fullname, diag, tapError }: Result): void {
    this.#current.faults.push({ name: fullname, detail: diag ?? tapError })
  }

  #skip({ fullname }: Result, reason: string): void {
    this.#current.skips.push({ name: fullname, reason })
  }

  #endFile(point: Result): FileResult {
    const result = { ...this.#current, file: point.name, seconds: (point.time ?? 0) / 1000 }
    this.#current = emptyResult('')
    this.#expected.delete(result.file)
    const reason = reasonOf(point.skip, NO_TESTS)
    const silent = result.passed + result.faults.length + result.skips.length === 0
    if (!point.ok && result.faults.length === 0) result.faults.push({ name: result.file, detail: point.diag })
    else if (silent && reason === NO_TESTS) result.faults.push({ name: result.file, detail: 'the file holds no test' })
    else if (silent) result.skips.push({ name: result.file, reason })
    this.files.push(result)
    return result
  }
}
