// The one reader of CSV: what it takes apart, in whatever pieces it arrives, and what it does not guess at.
import { type CsvOptions, type CsvRow, readCsv } from '@meridian/service-kit/csv'
import fc from 'fast-check'
import t from 'tap'
import { propertySeed } from '../support/property-seed.ts'

const COLUMNS = ['email', 'name', 'role']

async function read(pieces: readonly (string | Uint8Array)[], options: CsvOptions = { columns: COLUMNS }) {
  async function* source() {
    yield* pieces
  }
  const rows: CsvRow[] = []
  for await (const row of readCsv(source(), options)) rows.push(row)
  return rows
}

t.test('rows are read with the line on which they begin', async (t) => {
  const text =
    'email,name,role\r\na@b.test,"Ada ""A"" L.",manager\r\n\r\n"c@d.test","Two\nlines, one value",\r\ne@f.test,,"viewer"'
  t.strictSame(await read([text]), [
    { line: 2, values: { email: 'a@b.test', name: 'Ada "A" L.', role: 'manager' } },
    { line: 4, values: { email: 'c@d.test', name: 'Two\nlines, one value', role: '' } },
    { line: 6, values: { email: 'e@f.test', name: '', role: 'viewer' } },
  ])
})

t.test('columns come in any order and case; a byte order mark is no part of the first', async (t) => {
  const bytes = Buffer.from('\uFEFF Role ,EMAIL\nmember,ä@b.test\n')
  t.strictSame(await read([bytes]), [{ line: 2, values: { role: 'member', email: 'ä@b.test' } }])
  t.strictSame(await read(['\uFEFFemail\n', 'a@b.test']), [{ line: 2, values: { email: 'a@b.test' } }])
})

t.test('a row with too few or too many values is told as one, and reading goes on', async (t) => {
  t.strictSame(await read(['email,role\na@b.test\nb@b.test,member,x\nc@b.test,member']), [
    { line: 2, fault: 'has 1 values, and the header has 2' },
    { line: 3, fault: 'has 3 values, and the header has 2' },
    { line: 4, values: { email: 'c@b.test', role: 'member' } },
  ])
})

t.test('what is no CSV is refused with its line, and not guessed at', async (t) => {
  const refused: readonly [text: string | Uint8Array, reason: RegExp][] = [
    ['', /^line 1: there is no header/],
    ['\n\n', /^line 1: there is no header/],
    ['email,colour\n', /^line 1: there is no column "colour"; known are email, name, role$/],
    ['email;role\n', /^line 1: there is no column "email;role"/],
    ['email,Email\n', /^line 1: the column "email" is there twice/],
    ['email,name\n"a\nb",x\ny,"open', /^line 4: a quote is not closed/],
    ['email\na"b\n', /^line 2: a quote stands in a value that is not quoted/],
    ['email\n"a"b\n', /^line 2: text follows a closing quote/],
    ['email\na\rb\n', /^line 2: a carriage return stands alone/],
    ['email\na\r', /^line 2: a carriage return stands alone/],
    [Buffer.from('email\n\u00e4', 'latin1'), /^line 2: the text is not UTF-8/],
    [Buffer.from('email\n\u00e4').subarray(0, 7), /^line 2: the text is not UTF-8/],
    [Buffer.from('\uFEFFemail\n', 'utf16le'), /^line 1: the text is not UTF-8/],
  ]
  for (const [text, message] of refused) {
    await t.rejects(read([text]), { name: 'CsvError', message }, JSON.stringify(String(text)))
  }
  const required = { columns: COLUMNS, required: ['email', 'role'] }
  await t.rejects(read(['name\n'], required), { message: 'line 1: missing columns: email, role' })
})

t.test('a row has a longest length, whatever fills it', async (t) => {
  const options = { columns: COLUMNS, maxRowChars: 100 }
  const message = 'line 3: the row is longer than 100 characters'
  for (const row of ['x'.repeat(101), `"${'\n'.repeat(101)}`, ','.repeat(101)]) {
    await t.rejects(read(['email\nok\n', ...row], options), { message })
  }
  t.equal((await read([`email\n${'x'.repeat(99)}\n${'x'.repeat(99)}\n`], options)).length, 2, 'each row by itself')
})

t.test('any table comes back as it was, however it is quoted and in whatever pieces it arrives', async (t) => {
  const value = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '𝄞', ',', '"', '\n', '\r', ' '), maxLength: 6 })
  const table = fc.array(fc.tuple(value, value), { maxLength: 6 })
  const property = fc.asyncProperty(table, fc.boolean(), fc.integer({ min: 1, max: 7 }), async (rows, isLf, size) => {
    const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
    const lines = ['email,name', ...rows.map((row) => row.map(quoted).join(','))]
    const bytes = Buffer.from(lines.join(isLf ? '\n' : '\r\n'))
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    )
    const values = (await read(pieces)).map((row) => ('values' in row ? Object.values(row.values) : row.fault))
    return JSON.stringify(values) === JSON.stringify(rows)
  })
  const { failed, counterexample, seed } = await fc.check(property, { seed: propertySeed(), numRuns: 300 })
  t.notOk(failed, `seed ${seed}: ${JSON.stringify(counterexample)}`)
})
