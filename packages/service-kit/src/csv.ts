// Reads CSV (RFC 4180) strictly, as it streams in: UTF-8, commas, double quotes, CRLF or LF, a first line that names the
// columns. What it yields is text that nobody has checked yet.

/** A line as its columns' values, or why it has none. `line` is where it begins; quoted values may have several. */
export type CsvRow =
  | { readonly line: number; readonly values: Readonly<Record<string, string>> }
  | { readonly line: number; readonly fault: string }

export type CsvOptions = {
  /** The columns that are known, in any order and any case; another one ends the reading. */
  readonly columns: readonly string[]
  readonly required?: readonly string[]
  /** Of one row, its quotes not counted. */
  readonly maxRowChars?: number
}

const DEFAULT_MAX_ROW_CHARS = 65_536

/** Nothing that follows can be read. The message is for whoever made the file, and quotes column names at most. */
export class CsvError extends Error {
  override readonly name = 'CsvError'
  readonly line: number
  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`)
    this.line = line
  }
}

/** Yields each row after the header; empty lines are none. Throws CsvError where the text is no CSV, or not this one. */
export async function* readCsv(
  source: AsyncIterable<Uint8Array | string>,
  options: CsvOptions,
): AsyncGenerator<CsvRow> {
  let header: readonly string[] | undefined
  for await (const { line, fields } of records(source, options.maxRowChars ?? DEFAULT_MAX_ROW_CHARS)) {
    if (header === undefined) header = headerOf(line, fields, options)
    else yield rowOf(header, line, fields)
  }
  if (header === undefined) throw new CsvError(1, 'there is no header that names the columns')
}

function headerOf(line: number, fields: readonly string[], options: CsvOptions): readonly string[] {
  const header = fields.map((name) => name.trim().toLowerCase())
  const unknown = header.find((name) => !options.columns.includes(name))
  if (unknown !== undefined) {
    throw new CsvError(line, `there is no column "${unknown.slice(0, 60)}"; known are ${options.columns.join(', ')}`)
  }
  const twice = header.find((name, index) => header.indexOf(name) !== index)
  if (twice !== undefined) throw new CsvError(line, `the column "${twice}" is there twice`)
  const missing = (options.required ?? []).filter((name) => !header.includes(name))
  if (missing.length > 0) throw new CsvError(line, `missing columns: ${missing.join(', ')}`)
  return header
}

function rowOf(header: readonly string[], line: number, fields: readonly string[]): CsvRow {
  if (fields.length !== header.length) {
    return { line, fault: `has ${fields.length} values, and the header has ${header.length}` }
  }
  return { line, values: Object.fromEntries(header.map((name, index) => [name, fields[index] ?? ''])) }
}

type CsvRecord = { readonly line: number; readonly fields: readonly string[] }

async function* records(source: AsyncIterable<Uint8Array | string>, maxChars: number): AsyncGenerator<CsvRecord> {
  const reader = new RecordReader(maxChars)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const decoded = (bytes?: Uint8Array): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined })
    } catch {
      throw new CsvError(reader.line, 'the text is not UTF-8')
    }
  }
  for await (const chunk of source) yield* reader.read(typeof chunk === 'string' ? chunk : decoded(chunk))
  yield* reader.read(decoded())
  yield* reader.finish()
}

const BYTE_ORDER_MARK = '\uFEFF'
const PLAIN_TEXT = /[^",\r\n]*/y

/** Where in a field the reader is: before it, in bare text, in quotes, after a quote in quotes, after a CR. */
type State = 'before' | 'bare' | 'quoted' | 'quote' | 'return'

class RecordReader {
  readonly #maxChars: number
  #state: State = 'before'
  #field = ''
  #fields: string[] = []
  #chars = 0
  #startLine = 1
  #isAtStart = true
  line = 1

  constructor(maxChars: number) {
    this.#maxChars = maxChars
  }

  *read(text: string): Generator<CsvRecord> {
    let at = this.#isAtStart && text.startsWith(BYTE_ORDER_MARK) ? 1 : 0
    if (text !== '') this.#isAtStart = false
    while (at < text.length) {
      if (this.#state === 'quoted') {
        const end = text.indexOf('"', at)
        const part = text.slice(at, end === -1 ? text.length : end)
        this.line += part.split('\n').length - 1
        this.#take(part)
        at += part.length
        if (end === -1) break
        this.#state = 'quote'
      } else if (text[at] === '\n') {
        yield* this.#endRecord()
        this.line += 1
        this.#startLine = this.line
      } else if (this.#state === 'return') {
        throw this.#fault('a carriage return stands alone')
      } else if (text[at] === '\r') {
        this.#state = 'return'
      } else if (text[at] === ',') {
        this.#endField()
      } else if (text[at] === '"') {
        this.#quote()
      } else {
        at += this.#bareText(text, at)
        continue
      }
      at += 1
    }
  }

  *finish(): Generator<CsvRecord> {
    if (this.#state === 'quoted') throw this.#fault('a quote is not closed')
    if (this.#state === 'return') throw this.#fault('a carriage return stands alone')
    yield* this.#endRecord()
  }

  *#endRecord(): Generator<CsvRecord> {
    const isEmpty = this.#fields.length === 0 && this.#field === ''
    if (!isEmpty) {
      this.#endField()
      yield { line: this.#startLine, fields: this.#fields }
    }
    this.#fields = []
    this.#chars = 0
    this.#state = 'before'
  }

  #quote(): void {
    if (this.#state === 'bare') throw this.#fault('a quote stands in a value that is not quoted')
    if (this.#state === 'quote') this.#take('"')
    this.#state = 'quoted'
  }

  /** Takes the text up to the next character that means something. Gives its length. */
  #bareText(text: string, at: number): number {
    if (this.#state === 'quote') throw this.#fault('text follows a closing quote')
    PLAIN_TEXT.lastIndex = at
    const [part = ''] = PLAIN_TEXT.exec(text) ?? []
    this.#take(part)
    this.#state = 'bare'
    return part.length
  }

  #take(part: string): void {
    this.#count(part.length)
    this.#field += part
  }

  #endField(): void {
    // Many empty values are a long row, too.
    this.#count(1)
    this.#fields.push(this.#field)
    this.#field = ''
    this.#state = 'before'
  }

  #count(chars: number): void {
    this.#chars += chars
    if (this.#chars > this.#maxChars) throw this.#fault(`the row is longer than ${this.#maxChars} characters`)
  }

  #fault(reason: string): CsvError {
    return new CsvError(this.#startLine, reason)
  }
}
