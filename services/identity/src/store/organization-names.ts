// How an organization is named where a reference is taken: by its id, by its slug, or by a slug that it gave up, for as long
// as that is kept for it. While it is, the database lets nobody else have it, so that a reference never means two.
import type { Statement } from '@meridian/database/database'
import { type OrgId, orgIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'

const bySlug = (slug: string) => `(SELECT n.id FROM organization n WHERE n.slug = ${slug}),
  (SELECT a.org_id FROM slug_alias a WHERE a.slug = ${slug} AND a.kept_until > meridian_now())`

/** Condition on `organization o`, with the parameters that `nameOf` makes as the first two. */
export const NAMED = `o.id = coalesce($1::uuid, ${bySlug('$2::text')})`

/** As the parameters `id` and `slug` of a statement, of which one is null. */
export function nameOf(org: string): readonly [id: string | null, slug: string | null] {
  const id = orgIdSchema.safeParse(org.toLowerCase())
  return id.success ? [id.data, null] : [null, org.toLowerCase()]
}

/** The id that a reference in a single parameter leads to: null where it is no id and nobody's slug. */
export function idNamedBy(parameter: string): string {
  const reference = `lower(${parameter}::text)`
  return `coalesce(CASE WHEN ${reference} ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN ${reference}::uuid END,
    ${bySlug(reference)})`
}

const FIND_ID: Statement = {
  name: 'find_organization_id',
  text: `SELECT o.id::text FROM organization o WHERE ${NAMED}`,
}

export async function findOrganizationId(db: IdentityDb, org: string): Promise<OrgId | undefined> {
  const [row] = await db.sql(FIND_ID, [...nameOf(org)])
  return row === undefined ? undefined : z.object({ id: orgIdSchema }).parse(row).id
}
