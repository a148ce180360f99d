// The first phase of an import: organizations and the regions that they are in. One that is there keeps its name and
// contact; regions that the import names are added to it.
import { recordAudit } from '../audit/record.ts'
import {
  type FoundOrganization,
  findOrganizationsBySlug,
  insertImportedOrganizations,
  insertImportedPlaces,
} from '../store/imports.ts'
import { addOrganizationRegion } from '../store/organization-regions.ts'
import { listActiveRegionCodes } from '../store/organizations.ts'
import { type Batch, type BatchContext, type BatchOutcome, BY_OPERATOR, OvertakenError } from './import-batch.ts'
import { type IssueCode, issueOf, type RecordOf } from './import-records.ts'

type Wanted = { readonly record: RecordOf<'organization'>; readonly regions: Set<string> }

export async function importOrganizations(context: BatchContext, batch: Batch<'organization'>): Promise<BatchOutcome> {
  const { db, rehearsal } = context
  const active = await listActiveRegionCodes(db)
  const slugs = [...new Set(batch.map(({ record }) => record.slug))]
  const found = new Map((await findOrganizationsBySlug(db, slugs)).map((row) => [row.slug, row]))
  const outcome: BatchOutcome = { added: 0, known: 0, issues: [] }
  const added = new Map<string, Wanted>()
  const known = new Map<string, Wanted>()
  for (const { where, record } of batch) {
    const there = found.get(record.slug)
    const fault = faultOf(record, there, active)
    if (fault !== undefined) {
      outcome.issues.push(issueOf(where, fault))
      continue
    }
    rehearsal?.addRegions(record.slug, regionsToAdd(record.regions, there))
    const isNew = there?.id == null && (rehearsal?.addOrganization(record.slug) ?? true)
    const wanted = isNew ? added : known
    const before = added.get(record.slug) ?? known.get(record.slug)
    if (before === undefined) wanted.set(record.slug, { record, regions: new Set(record.regions) })
    else for (const region of record.regions) before.regions.add(region)
    if (isNew && before === undefined) outcome.added += 1
    else outcome.known += 1
  }
  if (rehearsal === undefined) {
    await addOrganizations(context, [...added.values()])
    await addRegions(context, [...known.values()], found)
  }
  return outcome
}

function faultOf(
  record: RecordOf<'organization'>,
  there: FoundOrganization | undefined,
  active: ReadonlySet<string>,
): Exclude<IssueCode, 'malformed'> | undefined {
  if (!record.regions.every((region) => active.has(region))) return 'unknown_region'
  if (there?.status === 'deleted') return 'org_closed'
  return there?.id == null && there?.is_kept ? 'slug_kept' : undefined
}

/** One that the organization was withdrawn from stays so: whoever withdrew it meant it. */
function regionsToAdd(wanted: Iterable<string>, there: FoundOrganization | undefined): readonly string[] {
  return [...wanted].filter((region) => !there?.regions.includes(region))
}

async function addOrganizations({ db, makeId }: BatchContext, wanted: readonly Wanted[]): Promise<void> {
  if (wanted.length === 0) return
  const rows = wanted.map(({ record }) => ({
    id: makeId(),
    slug: record.slug,
    name: record.name,
    contact_name: record.primary_contact.name,
    contact_email: record.primary_contact.email,
    tier: record.subscription_tier,
    home_region: record.regions[0],
  }))
  const inserted = await insertImportedOrganizations(db, rows)
  if (inserted.size < rows.length) throw new OvertakenError('an organization was added meanwhile')
  const regionsOf = (index: number) => [...(wanted[index]?.regions ?? [])]
  const places = rows.flatMap(({ id }, index) => regionsOf(index).map((region) => ({ org_id: id, region })))
  await insertImportedPlaces(db, places)
  for (const [index, { id }] of rows.entries()) {
    const details = { regions: regionsOf(index), by: 'operator' }
    await recordAudit(db, makeId, 'organization.created', { ...BY_OPERATOR, orgId: id, details })
  }
}

async function addRegions(
  { db, makeId }: BatchContext,
  wanted: readonly Wanted[],
  found: ReadonlyMap<string, FoundOrganization>,
): Promise<void> {
  for (const { record, regions } of wanted.toSorted((one, other) => (one.record.slug < other.record.slug ? -1 : 1))) {
    const there = found.get(record.slug)
    for (const region of there?.id == null ? [] : regionsToAdd(regions, there)) {
      const orgId = there?.id ?? ''
      if (!(await addOrganizationRegion(db, orgId, region))) continue
      const event = { ...BY_OPERATOR, orgId, region, details: { by: 'operator' } }
      await recordAudit(db, makeId, 'organization.region_added', event)
    }
  }
}
