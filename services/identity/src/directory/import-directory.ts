// Brings organizations, people and memberships in from a document, for a first fill. Addresses count as verified.
// Idempotent: what is there already stays as it is, and a second run changes nothing.
import { withTransaction } from '@meridian/database/transaction'
import { emailAddressSchema } from '@meridian/protocol/email-address'
import { orgSlugSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { displayNameSchema, subscriptionTierSchema } from '@meridian/protocol/orgs'
import { roleSchema } from '@meridian/protocol/roles'
import { z } from 'zod'
import { recordAudit } from '../audit/record.ts'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import type { IdentityDb } from '../store/open-store.ts'
import {
  findOrganizationBySlug,
  insertMemberships,
  insertOrganization,
  insertOrganizationRegions,
  isMembershipOfSysAdmin,
  listActiveRegionCodes,
} from '../store/organizations.ts'
import { findUserByEmail, insertUserIfAbsent } from '../store/users.ts'

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

export type ImportReport = {
  organizationsAdded: number
  peopleAdded: number
  membershipsAdded: number
}

const PEOPLE_PER_TRANSACTION = 100

export type ImportOptions = {
  /** Does everything and takes it back. */
  readonly isDryRun?: boolean
  readonly onProgress?: (done: number, total: number) => void
}

/** Throws Refusal (unknown_region, conflict), naming what is wrong; batches before that stay. */
export async function importDirectory(
  deps: Pick<Deps, 'db' | 'makeId'>,
  document: DirectoryDocument,
  options: ImportOptions = {},
): Promise<ImportReport> {
  const inTransaction = <T>(work: (db: IdentityDb) => Promise<T>) =>
    withTransaction(deps.db, work, { timeoutMs: 60_000 })
  try {
    if (options.isDryRun === true) return await rehearse(deps, document)
    const report = {
      ...NOTHING,
      organizationsAdded: await inTransaction((db) => importOrganizations(deps, db, document)),
    }
    for (let start = 0; start < document.people.length; start += PEOPLE_PER_TRANSACTION) {
      const batch = document.people.slice(start, start + PEOPLE_PER_TRANSACTION)
      const added = await inTransaction((db) => importPeople(deps, db, batch))
      report.peopleAdded += added.people
      report.membershipsAdded += added.memberships
      options.onProgress?.(start + batch.length, document.people.length)
    }
    const details = { ...report }
    await recordAudit(deps.db, deps.makeId, 'directory.imported', { outcome: 'success', requestId: 'command', details })
    return report
  } catch (error) {
    if (isMembershipOfSysAdmin(error)) throw new Refusal('conflict', 'a sys-admin can hold no membership')
    throw error
  }
}

const NOTHING: ImportReport = { organizationsAdded: 0, peopleAdded: 0, membershipsAdded: 0 }

class Rehearsed extends Error {
  readonly report: ImportReport
  constructor(report: ImportReport) {
    super('a dry run is taken back')
    this.report = report
  }
}

async function rehearse(deps: Pick<Deps, 'db' | 'makeId'>, document: DirectoryDocument): Promise<ImportReport> {
  try {
    return await withTransaction(
      deps.db,
      async (db) => {
        const organizationsAdded = await importOrganizations(deps, db, document)
        const { people: peopleAdded, memberships: membershipsAdded } = await importPeople(deps, db, document.people)
        throw new Rehearsed({ organizationsAdded, peopleAdded, membershipsAdded })
      },
      { timeoutMs: 60_000 },
    )
  } catch (error) {
    if (error instanceof Rehearsed) return error.report
    throw error
  }
}

async function importOrganizations(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  document: DirectoryDocument,
): Promise<number> {
  const known = await listActiveRegionCodes(db)
  let added = 0
  for (const organization of document.organizations) {
    if (!organization.regions.every((code) => known.has(code))) {
      throw new Refusal('unknown_region', `organization ${organization.slug} names an unknown region`)
    }
    const found = await findOrganizationBySlug(db, organization.slug)
    if (found === null) {
      const { primary_contact: contact, subscription_tier: subscriptionTier, ...fields } = organization
      await insertOrganization(db, {
        id: deps.makeId(),
        ...fields,
        subscriptionTier,
        primaryContactName: contact.name,
        primaryContactEmail: contact.email,
      })
      added += 1
    } else {
      await insertOrganizationRegions(db, found.id, organization.regions)
    }
  }
  return added
}

async function importPeople(
  deps: Pick<Deps, 'makeId'>,
  db: IdentityDb,
  people: DirectoryDocument['people'],
): Promise<{ people: number; memberships: number }> {
  const added = { people: 0, memberships: 0 }
  for (const person of people) {
    const { email, name } = person
    if (await insertUserIfAbsent(db, { id: deps.makeId(), email, name })) added.people += 1
    const user = await findUserByEmail(db, email)
    if (user === null) throw new Refusal('conflict', 'an address is held for whoever had it lately')
    for (const { org, region, role } of person.memberships) {
      const organization = await findOrganizationBySlug(db, org)
      if (organization === null) throw new Refusal('conflict', `unknown organization ${org}`)
      added.memberships += await insertMemberships(db, [
        { id: deps.makeId(), userId: user.id, orgId: organization.id, region, role },
      ])
    }
  }
  return added
}
