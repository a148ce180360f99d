// What organizations are entitled to: a row is a licence for a module. Triggers raise the version of the whole set.
import type { Statement } from '@meridian/database/database'
import { type OrgId, orgIdSchema } from '@meridian/protocol/ids'
import { z } from 'zod'
import type { IdentityDb } from './open-store.ts'
import { NAMED, nameOf } from './organization-names.ts'

const READ_ENTITLEMENTS: Statement = {
  name: 'read_entitlements',
  text: `SELECT coalesce((SELECT s.version FROM entitlement_set s WHERE s.org_id = $1::uuid), 1) AS version,
    coalesce((SELECT jsonb_object_agg(e.module, e.enabled) FROM entitlement e WHERE e.org_id = $1::uuid), '{}'::jsonb) AS modules`,
}

const entitlementsSchema = z.object({ version: z.int(), modules: z.record(z.string(), z.boolean()) })
/** By module, whether it is switched on; modules that were withdrawn from the catalogue included. */
export type StoredEntitlements = z.infer<typeof entitlementsSchema>

export async function readEntitlements(db: IdentityDb, orgId: string): Promise<StoredEntitlements> {
  const [row] = await db.sql(READ_ENTITLEMENTS, [orgId])
  return entitlementsSchema.parse(row)
}

const FIND_LICENSEE: Statement = {
  name: 'find_licensee',
  text: `SELECT o.id::text FROM organization o WHERE ${NAMED} AND o.status <> 'deleted'`,
}

/** The organization of this id or slug, suspended ones included. */
export async function findLicensee(db: IdentityDb, org: string): Promise<OrgId | undefined> {
  const [row] = await db.sql(FIND_LICENSEE, [...nameOf(org)])
  return row === undefined ? undefined : z.object({ id: orgIdSchema }).parse(row).id
}

export async function insertEntitlements(
  db: IdentityDb,
  orgId: string,
  modules: readonly { readonly module: string; readonly enabled: boolean }[],
): Promise<void> {
  await db.prisma.entitlement.createMany({ data: modules.map((module) => ({ orgId, ...module })) })
}

export async function deleteEntitlements(db: IdentityDb, orgId: string, modules: readonly string[]): Promise<void> {
  await db.prisma.entitlement.deleteMany({ where: { orgId, module: { in: [...modules] } } })
}

export async function switchEntitlement(
  db: IdentityDb,
  orgId: string,
  module: string,
  enabled: boolean,
): Promise<void> {
  await db.prisma.entitlement.updateMany({ where: { orgId, module }, data: { enabled } })
}
