import type { OrgDetails } from '@meridian/protocol/org-details'
import type { ExpectedVersions } from '@meridian/service-kit/if-match'
import type { Origin } from '../audit/record.ts'
import { Refusal } from '../refusal.ts'
import { countAliases, freeAlias, takeSlug } from '../store/organization-changes.ts'
import { isSlugTaken } from '../store/organizations.ts'
import { type ChangingDeps, changeLocked, lockForBoth, requireNotDeleted } from './organization-change.ts'
import type { Caller } from './organization-details.ts'

/** Each is kept from everybody else, and is a host in every region: nobody piles them up. */
const ALIASES_MAX = 5

/**
 * Gives an organization another slug. The former one leads to it, and is nobody else's, for the time of
 * `slugQuarantineSeconds`; until then it can be taken back, which is also how to go on once there are as many as may be.
 * Throws Refusal: access_denied, precondition_failed, slug_taken, conflict.
 */
export async function changeOrganizationSlug(
  deps: ChangingDeps,
  caller: Caller,
  org: string,
  slug: string,
  expected: ExpectedVersions,
  origin: Origin,
): Promise<OrgDetails> {
  const attempt = { kind: 'organization.slug_changed', caller, org, origin } as const
  return changeLocked(deps, attempt, lockForBoth, expected, async ({ db, row }) => {
    requireNotDeleted(row)
    if (row.slug === slug) return null
    await freeAlias(db, row.id, slug)
    if ((await countAliases(db, row.id)) >= ALIASES_MAX)
      throw new Refusal(
        'conflict',
        'too many former slugs',
        `${ALIASES_MAX} former slugs lead to the organization; take one of them back, or wait until one is free again`,
      )
    try {
      await takeSlug(db, row.id, slug, deps.settings.slugQuarantineSeconds)
    } catch (error) {
      if (isSlugTaken(error)) throw new Refusal('slug_taken', 'the slug is taken or kept', 'Choose another slug.')
      throw error
    }
    return { before: { slug: row.slug }, after: { slug } }
  })
}
