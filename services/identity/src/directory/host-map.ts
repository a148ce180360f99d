import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import type { HostMap } from '@meridian/protocol/hosts'
import { orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findClient } from '../store/clients.ts'
import { readNow } from '../store/deployment.ts'
import { listTenantHosts } from '../store/regions.ts'

/** The tenant hosts of a region, for that region's own client. Throws Refusal (invalid_token, access_denied). */
export async function readHostMap(
  deps: Pick<Deps, 'db'>,
  claims: ClientTokenClaims,
  regionCode: string,
): Promise<HostMap> {
  const client = await findClient(deps.db, claims.client_id)
  if (client === undefined || (await readNow(deps.db)) >= claims.exp) {
    throw new Refusal('invalid_token', 'expired, or the client is gone')
  }
  if (client.region === null || client.region !== regionCode) {
    throw new Refusal('access_denied', "not this region's client")
  }
  const hosts = await listTenantHosts(deps.db, client.region)
  return {
    region: regionCodeSchema.parse(client.region),
    hosts: hosts.map(({ host, orgId }) => ({ host, org_id: orgIdSchema.parse(orgId) })),
  }
}
