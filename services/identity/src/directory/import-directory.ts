// A directory as one JSON document: taken apart into the records of an import, whose rules hold for it as well.
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { displayNameSchema, subscriptionTierSchema } from '@meridian/protocol/orgs'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { ImportIssue, ImportLine } from './import-records.ts'
import { importRecords } from './import-run.ts'

export const directoryDocumentSchema = z.strictObject({
  organizations: z.array(
    z.strictObject({
      slug: orgSlugSchema,
      name: displayNameSchema,
      primary_contact: z.strictObject({ name: displayNameSchema, email: emailAddressSchema }),
      subscription_tier: subscriptionTierSchema.default('standard'),
      regions: z.array(regionCodeSchema).min(1),
    }),
  ),
  people: z.array(
    z.strictObject({
      email: emailAddressSchema,
      name: displayNameSchema,
      memberships: z.array(z.strictObject({ org: orgSlugSchema, region: regionCodeSchema, role: roleSchema })),
    }),
  ),
})
export type DirectoryDocument = z.infer<typeof directoryDocumentSchema>

export type DirectoryAdded = {
  readonly organizationsAdded: number
  readonly peopleAdded: number
  readonly membershipsAdded: number
}

/** Throws Refusal (conflict), naming the first line that had to be left out; the others are there. */
export async function importDirectory(
  deps: Pick<Deps, 'db' | 'makeId'>,
  document: DirectoryDocument,
): Promise<DirectoryAdded> {
  const issues: ImportIssue[] = []
  const summary = await importRecords(deps, documentRecords(document), { onIssue: (issue) => issues.push(issue) })
  const [first] = issues
  if (first !== undefined) throw new Refusal('conflict', `${first.where}: ${first.code}: ${first.hint}`)
  return {
    organizationsAdded: summary.organizations.added,
    peopleAdded: summary.people.added,
    membershipsAdded: summary.memberships.added,
  }
}

const partsSchema = z.strictObject({
  organizations: z.array(z.looseObject({})).default([]),
  people: z.array(z.looseObject({ memberships: z.array(z.looseObject({})).default([]) })).default([]),
})

/** Throws ZodError where it is no such document. */
export function* documentRecords(document: unknown): Generator<ImportLine> {
  const { organizations, people } = partsSchema.parse(document)
  for (const [index, organization] of organizations.entries()) {
    yield { where: `organizations.${index}`, record: { kind: 'organization', ...organization } }
  }
  for (const [index, { memberships: _, ...person }] of people.entries()) {
    yield { where: `people.${index}`, record: { kind: 'person', ...person } }
  }
  for (const [index, { memberships, email }] of people.entries()) {
    for (const [place, membership] of memberships.entries()) {
      const record = { kind: 'membership', email, ...membership }
      yield { where: `people.${index}.memberships.${place}`, record }
    }
  }
}
