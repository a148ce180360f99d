// Erases somebody, or an organization, from what the feed has told. Their tombstones keep them out (triggers on
// replica_entity and replica_parked); the rows of the replica stay as ids that are gone, so that nothing older comes back either.
import type { Statement } from '@meridian/database/database'
import { withTransaction } from '@meridian/database/transaction'
import type { OrgId } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { RegionDatabase } from './open-store.ts'
import { type Query, takeTurns, tellNews } from './replica-news.ts'

const idSchema = z.object({ id: z.string() })
const idsOf = (rows: readonly unknown[]) => rows.map((row) => idSchema.parse(row).id)

const MEMBERSHIPS_OF_PERSON: Statement = {
  name: 'read_memberships_of_person',
  text: 'SELECT id::text FROM membership WHERE user_id = $1::uuid',
}
const BATCH_ROWS = 500
const MEMBERSHIPS_OF_ORGANIZATION: Statement = {
  name: 'read_memberships_of_organization',
  text: `SELECT id::text FROM membership WHERE org_id = $1::uuid ORDER BY id LIMIT ${BATCH_ROWS}`,
}
const DOMAINS_OF_ORGANIZATION: Statement = {
  name: 'read_domains_of_organization',
  text: 'SELECT id::text FROM organization_domain WHERE org_id = $1::uuid',
}

const FORGET_ENTITIES: Statement = {
  name: 'forget_replica_entities',
  text: `UPDATE replica_entity SET state = NULL, gone_at = clock_timestamp()
    WHERE state IS NOT NULL AND kind = $1::text AND id IN (SELECT jsonb_array_elements_text($2::text::jsonb))`,
}

const DELETE_MEMBERSHIPS: Statement = {
  name: 'delete_memberships',
  text: `DELETE FROM membership WHERE id IN (SELECT jsonb_array_elements_text($1::text::jsonb)::uuid)
    RETURNING user_id::text AS id`,
}
/** People are in a region only while they are a member of something there. */
const DELETE_PEOPLE_WITHOUT_MEMBERSHIP: Statement = {
  name: 'delete_people_without_membership',
  text: `DELETE FROM user_account u WHERE u.id IN (SELECT jsonb_array_elements_text($1::text::jsonb)::uuid)
    AND NOT EXISTS (SELECT FROM membership m WHERE m.user_id = u.id) RETURNING u.id::text`,
}

const DELETE_PARKED: Statement = {
  name: 'delete_parked_of_subject',
  text: 'DELETE FROM replica_parked WHERE $1::uuid = ANY (subjects_of_parked(id, state))',
}
const DELETE_PROVISIONAL_OF_PERSON: Statement = {
  name: 'delete_provisional_of_person',
  text: 'DELETE FROM provisional_membership WHERE user_id = $1::uuid RETURNING id::text',
}
const DELETE_PROVISIONAL_OF_ORGANIZATION: Statement = {
  name: 'delete_provisional_of_organization',
  text: 'DELETE FROM provisional_membership WHERE org_id = $1::uuid RETURNING id::text',
}

const DELETE_OF_ORGANIZATION: readonly Statement[] = [
  'DELETE FROM organization WHERE id = $1::text::uuid',
  'DELETE FROM entitlement WHERE org_id = $1::text::uuid',
  'DELETE FROM organization_domain WHERE org_id = $1::text::uuid',
  'DELETE FROM usage_daily WHERE org_id = $1::text::uuid',
  'DELETE FROM tenant_count WHERE org_id = $1::text::uuid',
].map((text, index) => ({ name: `erase_rest_of_organization_${index}`, text }))

/** In the transaction of the tombstone. */
export async function erasePersonFromDirectory(query: Query, userId: string): Promise<void> {
  await takeTurns(query)
  const memberships = idsOf(await query(MEMBERSHIPS_OF_PERSON, [userId]))
  await forget(query, 'user', [userId])
  await forgetMemberships(query, memberships)
  await query(DELETE_PEOPLE_WITHOUT_MEMBERSHIP, [JSON.stringify([userId])])
  await query(DELETE_PARKED, [userId])
  const provisional = idsOf(await query(DELETE_PROVISIONAL_OF_PERSON, [userId]))
  const news = { kinds: ['membership', 'user'], memberships: [...memberships, ...provisional], organizations: [] }
  await tellNews(query, news)
}

/** After the tombstone, in batches. Resolves to how many memberships went. */
export async function eraseOrganizationFromDirectory(database: RegionDatabase, orgId: OrgId): Promise<number> {
  let total = 0
  for (let gone = BATCH_ROWS; gone > 0; total += gone) {
    gone = await withTransaction(database, (db) => eraseSomeMemberships(db.sql, orgId))
  }
  await withTransaction(database, async ({ sql }) => {
    await takeTurns(sql)
    await forget(sql, 'domain', idsOf(await sql(DOMAINS_OF_ORGANIZATION, [orgId])))
    for (const kind of ['organization', 'entitlements']) await forget(sql, kind, [orgId])
    for (const statement of DELETE_OF_ORGANIZATION) await sql(statement, [orgId])
    await sql(DELETE_PARKED, [orgId])
    const memberships = idsOf(await sql(DELETE_PROVISIONAL_OF_ORGANIZATION, [orgId]))
    await tellNews(sql, { kinds: ['organization', 'domain'], memberships, organizations: [orgId] })
  })
  return total
}

async function eraseSomeMemberships(query: Query, orgId: OrgId): Promise<number> {
  await takeTurns(query)
  const memberships = idsOf(await query(MEMBERSHIPS_OF_ORGANIZATION, [orgId]))
  if (memberships.length === 0) return 0
  const people = await forgetMemberships(query, memberships)
  const left = idsOf(await query(DELETE_PEOPLE_WITHOUT_MEMBERSHIP, [JSON.stringify(people)]))
  await forget(query, 'user', left)
  await tellNews(query, { kinds: ['membership', 'user'], memberships, organizations: [] })
  return memberships.length
}

/** Resolves to whose they were. */
async function forgetMemberships(query: Query, memberships: readonly string[]): Promise<readonly string[]> {
  await forget(query, 'membership', memberships)
  return idsOf(await query(DELETE_MEMBERSHIPS, [JSON.stringify(memberships)]))
}

async function forget(query: Query, kind: string, ids: readonly string[]): Promise<void> {
  await query(FORGET_ENTITIES, [kind, JSON.stringify(ids)])
}
