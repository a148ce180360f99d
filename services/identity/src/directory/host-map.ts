import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import type { HostMap } from '@meridian/protocol/hosts'
import { orgIdSchema } from '@meridian/protocol/ids'
import type { Deps } from '../deps.ts'
import { listTenantHosts } from '../store/regions.ts'
import { authorizeRegionClient } from './region-client.ts'

/** The tenant hosts of a region, for that region's own client. Throws Refusal (invalid_token, access_denied). */
export async function readHostMap(
  deps: Pick<Deps, 'db'>,
  claims: ClientTokenClaims,
  regionCode: string,
): Promise<HostMap> {
  const region = await authorizeRegionClient(deps, claims, regionCode)
  const hosts = await listTenantHosts(deps.db, region)
  return { region, hosts: hosts.map(({ host, orgId }) => ({ host, org_id: orgIdSchema.parse(orgId) })) }
}
