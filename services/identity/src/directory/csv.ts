// Comma-separated values (RFC 4180), read as they arrive. Strict: a quotation mark that has no partner, or stands inside a
// bare field, is a fault of the file, and nothing is guessed. Lines may end in CRLF, LF or CR; a byte order mark is dropped.

export type CsvRow = { readonly line: number; readonly fields: readonly string[] }

/** What is wrong with a file, and on which line. */
export class CsvError extends Error {
  override readonly name = 'CsvError'
}

type State = 'start' | 'bare' | 'quoted' | 'quote_in_quoted'

/** Rows with something in them, by the line on which each begins. Throws CsvError; `maxRowCharacters` bounds a row. */
export async function* readCsv(bytes: AsyncIterable<Uint8Array>, maxRowCharacters: number): AsyncGenerator<CsvRow> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const reader = createReader(maxRowCharacters)
  for await (const chunk of bytes) yield* reader.take(decode(decoder, chunk))
  yield* reader.take(decode(decoder))
  yield* reader.end()
}

function decode(decoder: TextDecoder, chunk?: Uint8Array): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw new CsvError('The file is not UTF-8')
  }
}

function createReader(maxRowCharacters: number) {
  let state: State = 'start'
  let fields: string[] = []
  let field = ''
  let size = 0
  let line = 1
  let startLine = 1
  let afterReturn = false

  const endField = () => {
    fields.push(field)
    field = ''
    state = 'start'
  }
  const endRow = (): CsvRow | undefined => {
    const isEmpty = fields.length === 0 && field === '' && state === 'start'
    endField()
    const row = { line: startLine, fields }
    fields = []
    size = 0
    startLine = line
    return isEmpty ? undefined : row
  }
  /** Resolves to whether the character belongs to the field that is being read. */
  const takeInField = (character: string): boolean => {
    if (state === 'quoted') {
      if (character === '"') state = 'quote_in_quoted'
      else field += character
      return true
    }
    if (character === '"') {
      if (state === 'bare') throw new CsvError(`Line ${line}: a quotation mark inside a field`)
      if (state === 'quote_in_quoted') field += character
      state = 'quoted'
      return true
    }
    if (character === ',' || character === '\n' || character === '\r') return false
    if (state === 'quote_in_quoted') throw new CsvError(`Line ${line}: text after a closing quotation mark`)
    state = 'bare'
    field += character
    return true
  }

  function* take(text: string): Generator<CsvRow> {
    for (const character of text) {
      const isSecondOfPair = afterReturn && character === '\n'
      afterReturn = character === '\r'
      if (!isSecondOfPair && (character === '\n' || character === '\r')) line += 1
      size += 1
      if (character === '\0') throw new CsvError(`Line ${line}: a null character`)
      if (size > maxRowCharacters) throw new CsvError(`Line ${startLine}: a row that is too long`)
      if (takeInField(character)) continue
      if (character === ',') endField()
      else if (isSecondOfPair) startLine = line
      else {
        const row = endRow()
        if (row !== undefined) yield row
      }
    }
  }

  function* end(): Generator<CsvRow> {
    if (state === 'quoted') throw new CsvError(`Line ${startLine}: a quotation mark without its partner`)
    const row = endRow()
    if (row !== undefined) yield row
  }

  return { take, end }
}
