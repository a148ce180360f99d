// The second phase of an import: people, each with an address that counts as verified. Whoever is there keeps their name.
import { recordAudit } from '../audit/record.ts'
import { findPeopleByEmail, insertImportedPeople } from '../store/imports.ts'
import { type Batch, type BatchContext, type BatchOutcome, BY_OPERATOR } from './import-batch.ts'
import { issueOf } from './import-records.ts'

export async function importPeople(context: BatchContext, batch: Batch<'person'>): Promise<BatchOutcome> {
  const { db, makeId, rehearsal } = context
  const byEmail = new Map(batch.toReversed().map(({ record }) => [record.email as string, record]))
  const rows = [...byEmail.values()].map(({ email, name }) => ({ id: makeId(), email, name }))
  const added = rehearsal === undefined ? new Set(await insertImportedPeople(db, rows)) : new Set<string>()
  const others = await findPeopleByEmail(
    db,
    rows.filter(({ email }) => !added.has(email)),
  )
  for (const { email, is_there: isThere, is_held: isHeld } of others) {
    if (!isThere && !isHeld && rehearsal?.addPerson(email)) added.add(email)
  }
  if (rehearsal === undefined && added.size > 0) {
    const details = { people: added.size, by: 'operator' }
    await recordAudit(db, makeId, 'directory.imported', { ...BY_OPERATOR, details })
  }
  const held = new Set(others.filter((other) => other.is_held).map(({ email }) => email))
  const outcome: BatchOutcome = { added: 0, known: 0, issues: [] }
  for (const { where, record } of batch) {
    if (held.has(record.email)) outcome.issues.push(issueOf(where, 'email_held'))
    // An address that stands there twice is one person: the first line adds them.
    else if (added.delete(record.email)) outcome.added += 1
    else outcome.known += 1
  }
  return outcome
}
