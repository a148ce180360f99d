// What an import left out: the first lines on stderr, all of them in a file, if one is named.
import type { FileHandle } from 'node:fs/promises'
import { z } from 'zod'
import type { ImportIssue } from '../directory/import-records.ts'
import { lineOf } from './lines.ts'

const SHOWN = 20

const issueSchema = z.object({ where: z.string(), code: z.string(), hint: z.string() })

export type ImportReport = {
  add(issue: unknown): void
  /** Resolves once the file is written, to how many lines there were. */
  end(): Promise<number>
}

export function createImportReport(file: FileHandle | undefined, warn: (text: string) => void): ImportReport {
  const written = file?.createWriteStream()
  let count = 0
  return {
    add: (line) => {
      const { where, code, hint } = issueSchema.parse(line) satisfies Omit<ImportIssue, 'code'>
      count += 1
      written?.write(lineOf({ where, code, hint }))
      if (count <= SHOWN) warn(`${where}: ${code}: ${hint}\n`)
    },
    end: async () => {
      if (count > SHOWN) warn(`… ${count - SHOWN} more${file === undefined ? '; --report FILE keeps them all' : ''}\n`)
      await new Promise<void>((done, failed) => {
        if (written === undefined) return done()
        written.once('error', failed).end(done)
      })
      return count
    },
  }
}
