// Reads the files of an import, as often as its phases need them, into the records that the service takes. Nothing is
// held but a line at a time; only a document in one piece (.json) is.
import { createReadStream } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { CsvError, readCsv } from '@meridian/service-kit/csv'
import { documentRecords } from '../directory/import-directory.ts'
import type { ImportLine } from '../directory/import-records.ts'
import { CommandError } from './command.ts'
import { csvRecords, IMPORT_COLUMNS } from './import-columns.ts'

export const IMPORT_FORMATS = ['csv', 'json', 'ndjson'] as const
export type ImportFormat = (typeof IMPORT_FORMATS)[number]

/** A record, or why the line is none. */
export type ReadLine = ImportLine | { readonly where: string; readonly fault: string }

const BY_EXTENSION: Readonly<Record<string, ImportFormat>> = {
  '.csv': 'csv',
  '.json': 'json',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
}

export function formatOf(file: string, named: ImportFormat | undefined): ImportFormat {
  const format = named ?? BY_EXTENSION[extname(file).toLowerCase()]
  if (format !== undefined) return format
  throw new CommandError(`${file}: say what it is: --format ${IMPORT_FORMATS.join('|')}`, { isUsage: true })
}

/** Throws CommandError where the file is not what it should be. */
export async function* readImportFile(file: string, format: ImportFormat): AsyncGenerator<ReadLine> {
  try {
    if (format === 'csv') yield* readTable(file)
    else if (format === 'ndjson') yield* readObjects(file)
    else for (const { where, record } of await readDocument(file)) yield { where: `${file}:${where}`, record }
  } catch (error) {
    if (error instanceof CsvError) throw new CommandError(`${file}: ${error.message}`)
    if (error instanceof Error && 'code' in error && 'syscall' in error) {
      throw new CommandError(`${file}: cannot be read (${String(error.code)})`)
    }
    throw error
  }
}

async function* readTable(file: string): AsyncGenerator<ReadLine> {
  for await (const row of readCsv(createReadStream(file), { columns: IMPORT_COLUMNS })) {
    const where = `${file}:${row.line}`
    if ('fault' in row) yield { where, fault: row.fault }
    else for (const record of csvRecords(file, row.values)) yield { where, record }
  }
}

async function* readObjects(file: string): AsyncGenerator<ReadLine> {
  const handle = await open(file)
  let line = 0
  for await (const text of handle.readLines()) {
    line += 1
    const where = `${file}:${line}`
    if (text.trim() === '') continue
    const record = parsed(text)
    yield record === undefined ? { where, fault: 'is no JSON' } : { where, record }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

async function readDocument(file: string): Promise<readonly ImportLine[]> {
  const document = parsed(await readFile(file, 'utf8'))
  try {
    return [...documentRecords(document)]
  } catch {
    throw new CommandError(`${file}: is no JSON document with organizations and people`)
  }
}
