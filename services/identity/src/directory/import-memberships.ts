// The third phase of an import: who is what, where. A membership that is there stays as it is, whatever the import says.
import type { Role } from '@meridian/protocol/roles'
import { recordAudit } from '../audit/record.ts'
import { type FoundMembership, findMembershipsToImport, insertImportedMemberships } from '../store/imports.ts'
import { type Batch, type BatchContext, type BatchOutcome, BY_OPERATOR } from './import-batch.ts'
import { type IssueCode, issueOf, type RecordOf, roleOf } from './import-records.ts'

type Row = Parameters<typeof insertImportedMemberships>[1][number]

export async function importMemberships(context: BatchContext, batch: Batch<'membership'>): Promise<BatchOutcome> {
  const { db, makeId, rehearsal, roles } = context
  const found = await findMembershipsToImport(
    db,
    batch.map(({ record }) => record),
  )
  const outcome: BatchOutcome = { added: 0, known: 0, issues: [] }
  const rows: Row[] = []
  const given = new Map<string, string>()
  for (const [index, { where, record }] of batch.entries()) {
    const there = found[index] as FoundMembership
    const role = roleOf(record.role, roles)
    const key = `${record.email} ${record.org} ${record.region}`
    const before = given.get(key) ?? rehearsal?.roleOf(key)
    const verdict = verdictOn(context, record, before === undefined ? there : { ...there, role: before }, role)
    if (role === undefined || verdict === 'unknown_role') {
      outcome.issues.push(issueOf(where, 'unknown_role'))
    } else if (verdict === 'known') {
      outcome.known += 1
    } else if (verdict !== 'new') {
      outcome.issues.push(issueOf(where, verdict))
    } else {
      given.set(key, role)
      rehearsal?.addMembership(key, record.org, role)
      rows.push({ id: makeId(), user_id: there.user_id ?? '', org_id: there.org_id ?? '', region: record.region, role })
    }
  }
  const added = rehearsal === undefined ? await addMemberships(context, rows) : rows.length
  outcome.added = added
  outcome.known += rows.length - added
  return outcome
}

type Verdict = 'new' | 'known' | Exclude<IssueCode, 'malformed'>

/** The order of checks, from the widest to the narrowest. */
function verdictOn(
  { rehearsal }: BatchContext,
  { email, org, region }: RecordOf<'membership'>,
  there: FoundMembership,
  role: Role | undefined,
): Verdict {
  const rehearsed = rehearsal?.regionsOf(org)
  if (role === undefined) return 'unknown_role'
  if (there.org_id === null && rehearsed === undefined) return 'unknown_org'
  if (there.org_status === 'deleted') return 'org_closed'
  if (there.is_open !== true && !rehearsed?.has(region)) return 'unknown_region'
  if (there.user_id === null && !rehearsal?.hasPerson(email)) return 'unknown_person'
  if (there.is_sys_admin) return 'sys_admin'
  if (there.user_status !== null && there.user_status !== 'active') return 'account_locked'
  if (there.role === null) return 'new'
  if (there.status === 'removed') return 'was_removed'
  return there.role === role ? 'known' : 'role_differs'
}

/** Resolves to how many were not there; each organization is told of its own. */
async function addMemberships({ db, makeId }: BatchContext, rows: readonly Row[]): Promise<number> {
  if (rows.length === 0) return 0
  const added = await insertImportedMemberships(db, rows)
  const byOrg = Map.groupBy(added, (row) => row.org_id)
  for (const [orgId, { length }] of byOrg) {
    const event = { ...BY_OPERATOR, orgId, details: { memberships: length, by: 'operator' } }
    await recordAudit(db, makeId, 'directory.imported', event)
  }
  return added.length
}
