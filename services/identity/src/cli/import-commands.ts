// The operator's command that brings in who is there already, in another system. The files are read here, in the
// operator's own process; the service takes their records one by one.
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { type ImportLine, RECORD_KINDS, type RecordKind, roleTableSchema } from '../directory/import-records.ts'
import { importRecords, MAX_ROWS_PER_TRANSACTION } from '../directory/import-run.ts'
import { type Command, CommandError, command, type Given, type Prepared } from './command.ts'
import { formatOf, IMPORT_FORMATS, type ImportFormat, readImportFile } from './import-files.ts'
import { createImportReport, type ImportReport } from './import-report.ts'

const DETAILS = `
  --format F            for a file whose name does not say it: csv, json (a document with organizations and people) or
                        ndjson (a record a line: {"kind": "organization" | "person" | "membership", …})
  --map ROLES           what roles of the other system are here, such as owner=manager,user=member. Without it owner and
                        admin are manager. A role that nobody explained is refused, not guessed.
  --default-role ROLE   for a membership that names none
  --report FILE         keeps every line that was left out, and why, as a JSON object a line
  --batch N             lines a transaction, at most ${MAX_ROWS_PER_TRANSACTION}

Tables of CSV, with a first line that names the columns:
  organizations   slug, name, contact_name, contact_email, regions (separated by spaces), tier (if wanted)
  people          email, name
  memberships     email, org, region, role
One table may hold people and memberships, and with org_name, contact_name and contact_email organizations, too. All
files are read before anything is written, then organizations are brought in, then people, then memberships. What is
there already stays as it is: an import that was cut off is run again. Addresses count as verified.

An organization that an import makes and that has no active manager at its end is suspended, and named there; an import
that brings the manager opens it. One that was there before keeps its state.

Exit code 1: lines were left out; they are on stderr (the first ones) and in the report.`

const inputSchema = z.strictObject({
  roles: roleTableSchema,
  batch: z.number().int().min(1).max(MAX_ROWS_PER_TRANSACTION),
  total: z.number().int(),
  dryRun: z.boolean().default(false),
})

const givenSchema = z.strictObject({
  files: z.array(z.string()).min(1, { error: 'name at least one' }),
  format: z.enum(IMPORT_FORMATS).optional(),
  map: z
    .string()
    .regex(/^[^=,]+=[a-z]+(,[^=,]+=[a-z]+)*$/, { error: 'is written as owner=manager,user=member' })
    .optional(),
  defaultRole: z.string().optional(),
  report: z.string().optional(),
  batch: z.coerce.number().int().min(1).max(MAX_ROWS_PER_TRANSACTION).default(MAX_ROWS_PER_TRANSACTION),
  dryRun: z.boolean().default(false),
})

type Source = { readonly file: string; readonly format: ImportFormat }

export const IMPORT_COMMANDS = {
  import: command({
    summary: 'brings in organizations, people and memberships from other systems; what is there already stays',
    usage: [
      'import FILE… [--format csv|json|ndjson] [--map ROLES] [--default-role ROLE] [--report FILE] [--batch N]',
      '[--dry-run]',
    ].join(' '),
    operands: ['files…'],
    details: DETAILS,
    input: inputSchema,
    prepare,
    run: async (deps, { dryRun, roles, batch, total }, onProgress, { given, tell }) => {
      const summary = await importRecords(deps, parsedLines(given), {
        isDryRun: dryRun,
        roles,
        batchSize: batch,
        onIssue: tell,
        onProgress: (done) => onProgress(done, total),
      })
      return { dry_run: dryRun, ...summary }
    },
  }),
} satisfies Record<string, Command<z.ZodType>>

const lineSchema = z.object({ where: z.string(), record: z.unknown() })

async function* parsedLines(given: AsyncIterable<unknown>): AsyncGenerator<ImportLine> {
  for await (const line of given) yield lineSchema.parse(line)
}

async function prepare(typed: Given, warn: (text: string) => void): Promise<Prepared> {
  const parsed = givenSchema.safeParse(typed)
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => `  ${String(path[0])}: ${message}`)
    throw new CommandError(`Wrong input:\n${wrong.join('\n')}`, { isUsage: true })
  }
  const { files, format, map, defaultRole: fallback, report: reportFile, batch, dryRun } = parsed.data
  const sources = files.map((file) => ({ file, format: formatOf(file, format) }))
  const report = createImportReport(reportFile === undefined ? undefined : await open(reportFile, 'w', 0o600), warn)
  const total = await readThrough(sources, report)
  return {
    input: { roles: { map: mapOf(map), ...(fallback === undefined ? {} : { fallback }) }, batch, total, dryRun },
    lines: () => phases(sources),
    onLine: (line) => report.add(line),
    finish: async () => {
      const leftOut = await report.end()
      return { isRefused: leftOut > 0, result: { left_out: leftOut } }
    },
  }
}

function mapOf(map: string | undefined): Readonly<Record<string, string>> {
  const pairs = map?.split(',').map((pair) => pair.split('=').map((part) => part.trim().toLowerCase())) ?? []
  return Object.fromEntries(pairs)
}

/** Reads everything once, before anything is written. Resolves to how many records there are. */
async function readThrough(sources: readonly Source[], report: ImportReport): Promise<number> {
  let count = 0
  for (const { file, format } of sources) {
    for await (const line of readImportFile(file, format)) {
      if ('fault' in line) report.add({ where: line.where, code: 'malformed', hint: line.fault })
      else if (kindOf(line) === undefined) {
        report.add({ where: line.where, code: 'malformed', hint: `kind: is none of ${RECORD_KINDS.join(', ')}` })
      } else count += 1
    }
  }
  return count
}

async function* phases(sources: readonly Source[]): AsyncGenerator<ImportLine> {
  for (const kind of RECORD_KINDS) {
    for (const { file, format } of sources) {
      for await (const line of readImportFile(file, format)) {
        if (!('fault' in line) && kindOf(line) === kind) yield line
      }
    }
  }
}

function kindOf({ record }: ImportLine): RecordKind | undefined {
  const kind = typeof record === 'object' && record !== null && 'kind' in record ? record.kind : undefined
  return RECORD_KINDS.find((known) => known === kind)
}
