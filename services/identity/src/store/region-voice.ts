// Which clients of a region speak for it as a whole.
import type { Statement } from '@meridian/database/database'
import type { IdentityDb } from './open-store.ts'

/**
 * The ids of those, as SQL. What the configuration names is the region's own service: a registration through the API must not
 * take its place. A region that has none there is spoken for by any.
 */
export const voicesOf = (
  region: string,
) => `(SELECT c.id FROM client c WHERE c.region = ${region} AND c.status = 'active'
      AND (c.source = 'configuration' OR NOT EXISTS (SELECT FROM client o
        WHERE o.region = c.region AND o.source = 'configuration' AND o.status = 'active')))`

const SPEAKS: Statement = {
  name: 'speaks_for_region',
  text: `SELECT 1 AS one WHERE $1::text IN ${voicesOf('$2::text')}`,
}

export async function speaksForRegion(db: IdentityDb, region: string, clientId: string): Promise<boolean> {
  return (await db.sql(SPEAKS, [clientId, region])).length > 0
}
