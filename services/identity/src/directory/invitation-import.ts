// Invitations from a file. The request takes the file as a whole or not at all and leaves a job; a worker (run-jobs.ts)
// does the rows, each as a single invitation would be done, with the authority that the sender has by then. An address may
// stand in it once for each region: of two rows for the same place the later one is refused.
import { withTransaction } from '@meridian/database/transaction'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import {
  INVITATION_FILE_HEADER,
  INVITATION_FILE_MAX_ROWS,
  type InvitationOutcome,
} from '@meridian/protocol/invitations'
import type { Job } from '@meridian/protocol/jobs'
import { type Role, roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import { type Origin, recordAuditByRegion } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { lockOrganization, readStanding, type Standing } from '../store/authority.ts'
import { findJob, insertJob, type TakenJob } from '../store/jobs.ts'
import type { IdentityDb } from '../store/open-store.ts'
import { answerOnce } from './answer-once.ts'
import { type Acting, regionsOfAuthority, requireAuthority, requireAuthorityToChange } from './authority.ts'
import { type Actor, byActor, type Cause } from './by-actor.ts'
import { CsvError, readCsv } from './csv.ts'
import { giveInvitation, type InvitingDeps } from './give-invitation.ts'
import { presentJob } from './jobs.ts'

const MAX_FIELD_CHARACTERS = 400
const MAX_ROW_CHARACTERS = 4 * MAX_FIELD_CHARACTERS

const rowSchema = z.object({
  line: z.int(),
  /** Empty where the row has not the header's fields. */
  fields: z.union([z.tuple([z.string(), z.string(), z.string()]), z.tuple([])]),
})
type ImportRow = z.infer<typeof rowSchema>

const inputSchema = z.object({
  rows: z.array(rowSchema),
  /** Of the request that brought the file: the events of its rows name it. */
  request: z.object({ id: z.string(), clientId: z.string(), sessionId: z.string() }),
})

/** Throws Refusal (access_denied). */
export async function requireImporter(deps: Pick<Deps, 'db'>, person: Acting, org: string): Promise<void> {
  await requireAuthority(deps.db, person, org, 'members:write')
}

/** Throws Refusal: invalid_request, access_denied, conflict, idempotency_key_reused. */
export async function queueImport(
  deps: Pick<Deps, 'db' | 'makeId'>,
  actor: Actor,
  org: string,
  bytes: AsyncIterable<Uint8Array>,
  idempotencyKey: string | undefined,
  origin: Origin,
): Promise<Job> {
  const rows = await readRows(bytes)
  const key = { scope: `import_invitations ${actor.userId}`, value: idempotencyKey, request: { org, rows } }
  return withTransaction(deps.db, (db) =>
    answerOnce(db, key, 202, async () => {
      const standing = await requireAuthorityToChange(db, actor, org, 'members:write')
      const orgId = standing.org_id
      const rowsByRegion = countByRegion(standing, rows)
      const regions = [...rowsByRegion.keys()]
      const request = { id: origin.requestId, clientId: actor.clientId, sessionId: actor.sessionId }
      const id = deps.makeId()
      const job = { id, kind: 'invitations', orgId, createdBy: actor.userId, total: rows.length, regions } as const
      if (!(await insertJob(db, { ...job, input: { rows, request } }))) {
        throw new Refusal('conflict', 'an import is under way', 'Wait until the import before is done')
      }
      const event = { ...byActor(actor, origin), outcome: 'success', orgId, details: { job: id } } as const
      await recordAuditByRegion(db, deps.makeId, 'invitation.imported', event, rowsByRegion)
      const found = await findJob(db, orgId, id, { userId: actor.userId, regions })
      if (found === undefined) throw new Error('a job that was just added is gone')
      return presentJob(found)
    }),
  )
}

/** By the region of the organization that they name; where none does, of the sender's, which it concerns then. */
function countByRegion(standing: Standing, rows: readonly ImportRow[]): ReadonlyMap<string, { rows: number }> {
  const named = Map.groupBy(rows, regionOf)
  const counted = standing.regions.map((region) => [region, { rows: named.get(region)?.length ?? 0 }] as const)
  const concerned = counted.filter(([, { rows: number }]) => number > 0)
  if (concerned.length > 0) return new Map(concerned)
  return new Map(regionsOfAuthority(standing, 'members:write').map((region) => [region, { rows: 0 }]))
}

async function readRows(bytes: AsyncIterable<Uint8Array>): Promise<readonly ImportRow[]> {
  const rows: ImportRow[] = []
  let hasHeader = false
  try {
    for await (const { line, fields } of readCsv(bytes, MAX_ROW_CHARACTERS)) {
      const trimmed = fields.map((field) => field.trim())
      if (!hasHeader) {
        const isHeader = trimmed.join().toLowerCase() === INVITATION_FILE_HEADER.join()
        if (!isHeader) throw new CsvError(`The first line must be ${INVITATION_FILE_HEADER.join()}`)
        hasHeader = true
      } else rows.push({ line, fields: fieldsOf(trimmed) })
      if (rows.length > INVITATION_FILE_MAX_ROWS) throw new CsvError(`More than ${INVITATION_FILE_MAX_ROWS} rows`)
    }
  } catch (error) {
    if (error instanceof CsvError) throw new Refusal('invalid_request', 'not such a file', error.message)
    throw error
  }
  if (!hasHeader) throw new Refusal('invalid_request', 'an empty file', 'The file is empty')
  return rows
}

function fieldsOf(fields: readonly string[]): ImportRow['fields'] {
  const [email, region, role] = fields
  const fits =
    fields.length === INVITATION_FILE_HEADER.length && fields.every((text) => text.length <= MAX_FIELD_CHARACTERS)
  return fits && email !== undefined && region !== undefined && role !== undefined ? [email, region, role] : []
}

function regionOf({ fields: [, region] }: ImportRow): string | undefined {
  return region?.toLowerCase()
}

export type RowReport = {
  readonly line: number
  readonly outcome: InvitationOutcome
  readonly first_line?: number
}

/** Does the next rows of a job that was taken, in its transaction. */
export async function importRows(
  deps: InvitingDeps,
  db: IdentityDb,
  job: TakenJob,
  maxRows: number,
): Promise<readonly RowReport[]> {
  const { rows, request } = inputSchema.parse(job.input)
  await lockOrganization(db, job.org_id)
  const standing = await readStanding(db, job.org_id, job.created_by)
  const actor = { userId: job.created_by, clientId: request.clientId, sessionId: request.sessionId }
  const cause = { requestId: request.id, ip: null }
  const upToHere = rows.slice(0, job.done + maxRows)
  const firstLines = firstLinesOf(upToHere)
  const report: RowReport[] = []
  for (const row of upToHere.slice(job.done)) {
    report.push(await importRow(deps, db, { actor, standing, cause }, row, firstLines))
  }
  return report
}

/** By address and region: the first line that asks for a role there. */
function firstLinesOf(rows: readonly ImportRow[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>()
  for (const row of rows) {
    const wish = wishOf(row)
    if (typeof wish === 'object' && !first.has(placeOf(wish))) first.set(placeOf(wish), row.line)
  }
  return first
}

type Wish = { readonly email: string; readonly region: string; readonly role: Role }

const placeOf = ({ email, region }: Wish) => `${region} ${email}`

function wishOf(row: ImportRow): Wish | InvitationOutcome {
  const [address, , roleName] = row.fields
  const region = regionOf(row)
  if (address === undefined || region === undefined) return 'malformed'
  const email = emailAddressSchema.safeParse(address)
  if (!email.success) return 'invalid_email'
  const role = roleSchema.safeParse(roleName?.toLowerCase())
  return role.success ? { email: email.data, region, role: role.data } : 'invalid_role'
}

async function importRow(
  deps: InvitingDeps,
  db: IdentityDb,
  inviter: { readonly actor: Actor; readonly standing: Standing | undefined; readonly cause: Cause },
  row: ImportRow,
  firstLines: ReadonlyMap<string, number>,
): Promise<RowReport> {
  const { line } = row
  const wish = wishOf(row)
  if (typeof wish !== 'object') return { line, outcome: wish }
  const firstLine = firstLines.get(placeOf(wish)) ?? line
  if (firstLine !== line) return { line, outcome: 'duplicate', first_line: firstLine }
  const { standing, ...rest } = inviter
  if (standing === undefined) return { line, outcome: 'not_your_region' }
  const { email, region, role } = wish
  const { outcome } = await giveInvitation(deps, db, { ...rest, standing }, { email, roles: [{ region, role }] })
  return { line, outcome }
}
