// Brings in organizations, people and memberships of another system, as they stream in, in batches that each are one
// transaction. Addresses count as verified. What is there already stays as it is, so that a second run changes nothing,
// and one that was cut off is simply run again. What cannot be brought in is told line by line, and left out.
import { withTransaction } from '@meridian/database/transaction'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { listAwaitingOrganizations, listUnmanagedOrganizations } from '../store/imports.ts'
import { isMembershipOfSysAdmin, isSlugTaken } from '../store/organizations.ts'
import { type Batch, type BatchContext, type BatchOutcome, OvertakenError } from './import-batch.ts'
import { importMemberships } from './import-memberships.ts'
import { openWhatIsManaged } from './import-opening.ts'
import { importOrganizations } from './import-organizations.ts'
import { importPeople } from './import-people.ts'
import {
  type ImportIssue,
  type ImportLine,
  type ImportRecord,
  type Located,
  parseRecord,
  type RecordKind,
  type RoleTable,
} from './import-records.ts'
import { ImportRehearsal } from './import-rehearsal.ts'

/** ARCHITECTURE: bulk work commits every 500 rows at the latest. */
export const MAX_ROWS_PER_TRANSACTION = 500
const TRANSACTION_TIMEOUT_MS = 60_000
const MAX_ATTEMPTS = 3
const UNMANAGED_SHOWN = 50

type ImportDeps = Pick<Deps, 'db' | 'makeId'>

export type ImportOptions = {
  readonly isDryRun?: boolean
  readonly roles?: RoleTable
  readonly batchSize?: number
  readonly onIssue?: (issue: ImportIssue) => void
  readonly onProgress?: (done: number) => void
}

type Count = { added: number; known: number; refused: number }

export type ImportSummary = {
  readonly organizations: Count
  readonly people: Count
  readonly memberships: Count
  /** In the whole directory: nobody can run these. */
  readonly without_manager: Named
  /** Of these, those that imports have made: suspended until they have one. */
  readonly suspended_until_managed: Named & { readonly what_to_do?: string }
}

type Named = { readonly count: number; readonly slugs: readonly string[] }

const WHAT_TO_DO =
  'Import a manager of each, which opens it, or give it one with `org first-manager` and open it with `org status ORG active`'

/** Records come in the order in which they need each other: organizations, people, memberships. */
export async function importRecords(
  deps: ImportDeps,
  lines: AsyncIterable<ImportLine> | Iterable<ImportLine>,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const run = new ImportRun(deps, options)
  for await (const line of lines) await run.take(line)
  return run.finish()
}

class ImportRun {
  readonly #deps: ImportDeps
  readonly #options: ImportOptions
  readonly #batchSize: number
  readonly #rehearsal: ImportRehearsal | undefined
  readonly #counts: Record<RecordKind, Count> = { organization: none(), person: none(), membership: none() }
  #done = 0
  #batch: Located<ImportRecord>[] = []

  constructor(deps: ImportDeps, options: ImportOptions) {
    this.#deps = deps
    this.#options = options
    this.#batchSize = Math.min(options.batchSize ?? MAX_ROWS_PER_TRANSACTION, MAX_ROWS_PER_TRANSACTION)
    this.#rehearsal = options.isDryRun === true ? new ImportRehearsal() : undefined
  }

  async take(line: ImportLine): Promise<void> {
    const read = parseRecord(line)
    if ('code' in read) {
      this.#refuse(line.record, read)
      return
    }
    const isOther = this.#batch[0] !== undefined && this.#batch[0].record.kind !== read.record.kind
    if (isOther || this.#batch.length === this.#batchSize) await this.#flush()
    this.#batch.push(read)
  }

  async finish(): Promise<ImportSummary> {
    await this.#flush()
    if (this.#rehearsal === undefined) await openWhatIsManaged(this.#deps)
    const suspended = this.#wouldBeUnmanaged(await listAwaitingOrganizations(this.#deps.db))
    const { organization, person, membership } = this.#counts
    return {
      organizations: organization,
      people: person,
      memberships: membership,
      without_manager: named(this.#wouldBeUnmanaged(await listUnmanagedOrganizations(this.#deps.db))),
      suspended_until_managed: { ...named(suspended), ...(suspended.length === 0 ? {} : { what_to_do: WHAT_TO_DO }) },
    }
  }

  #wouldBeUnmanaged(now: readonly string[]): readonly string[] {
    return this.#rehearsal?.unmanaged(now) ?? now
  }

  #refuse(record: unknown, issue: ImportIssue): void {
    const kind = z.object({ kind: z.enum(['organization', 'person', 'membership']) }).safeParse(record)
    if (kind.success) this.#counts[kind.data.kind].refused += 1
    this.#done += 1
    this.#options.onIssue?.(issue)
  }

  async #flush(): Promise<void> {
    const [first] = this.#batch
    if (first === undefined) return
    const outcome = await this.#write(first.record.kind, this.#batch)
    const count = this.#counts[first.record.kind]
    count.added += outcome.added
    count.known += outcome.known
    count.refused += outcome.issues.length
    for (const issue of outcome.issues) this.#options.onIssue?.(issue)
    this.#done += this.#batch.length
    this.#batch = []
    this.#options.onProgress?.(this.#done)
  }

  async #write(kind: RecordKind, batch: readonly Located<ImportRecord>[]): Promise<BatchOutcome> {
    const roles = this.#options.roles ?? { map: {} }
    const context = { makeId: this.#deps.makeId, roles, rehearsal: this.#rehearsal }
    if (this.#rehearsal !== undefined) return write({ ...context, db: this.#deps.db }, kind, batch)
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await withTransaction(this.#deps.db, (db) => write({ ...context, db }, kind, batch), {
          timeoutMs: TRANSACTION_TIMEOUT_MS,
        })
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isOvertaken(error)) throw error
      }
    }
  }
}

function named(slugs: readonly string[]): Named {
  return { count: slugs.length, slugs: slugs.slice(0, UNMANAGED_SHOWN) }
}

function none(): Count {
  return { added: 0, known: 0, refused: 0 }
}

function write(
  context: BatchContext,
  kind: RecordKind,
  batch: readonly Located<ImportRecord>[],
): Promise<BatchOutcome> {
  if (kind === 'organization') return importOrganizations(context, batch as Batch<'organization'>)
  if (kind === 'person') return importPeople(context, batch as Batch<'person'>)
  return importMemberships(context, batch as Batch<'membership'>)
}

/** What was looked up was true no more when it was written: a second look sees what came between. */
function isOvertaken(error: unknown): boolean {
  return error instanceof OvertakenError || isMembershipOfSysAdmin(error) || isSlugTaken(error)
}
