// Where an organization is. A region that it is withdrawn from keeps its row: it may hold data of it still.
import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

const ADD_REGION: Statement = {
  name: 'add_organization_region',
  text: `INSERT INTO organization_region (org_id, region)
    SELECT $1::uuid, code FROM region WHERE code = $2::text AND status = 'active'
    ON CONFLICT (org_id, region) DO UPDATE SET status = 'active', version = organization_region.version + 1
      WHERE organization_region.status <> 'active'
    RETURNING version`,
}
// Bringing a region back raises the organization's version by itself; a new one needs it said.
const RAISE_VERSION: Statement = {
  name: 'raise_organization_version',
  text: `UPDATE organization SET version = version + 1, home_region = coalesce(home_region, $2::text) WHERE id = $1::uuid`,
}

/** Resolves to whether it was not there before. Nothing happens for an unknown region. */
export async function addOrganizationRegion(db: IdentityDb, orgId: string, region: string): Promise<boolean> {
  const isAdded = (await db.sql(ADD_REGION, [orgId, region])).length === 1
  if (isAdded) await db.sql(RAISE_VERSION, [orgId, region])
  return isAdded
}

const WITHDRAW_REGION: Statement = {
  name: 'withdraw_organization_region',
  text: `UPDATE organization_region SET status = 'withdrawn', version = version + 1
    WHERE org_id = $1::uuid AND region = $2::text AND status = 'active' RETURNING region`,
}

/** Resolves to whether it was there. */
export async function withdrawOrganizationRegion(db: IdentityDb, orgId: string, region: string): Promise<boolean> {
  return (await db.sql(WITHDRAW_REGION, [orgId, region])).length === 1
}
