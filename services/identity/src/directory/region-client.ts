import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import { type RegionCode, regionCodeSchema } from '@meridian/protocol/ids'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findClient } from '../store/clients.ts'
import { readNow } from '../store/deployment.ts'

/** A region's own client, and no other region's. Throws Refusal (invalid_token, access_denied). */
export async function authorizeRegionClient(
  deps: Pick<Deps, 'db'>,
  claims: ClientTokenClaims,
  regionCode: string,
): Promise<RegionCode> {
  const client = await findClient(deps.db, claims.client_id)
  if (client === undefined || (await readNow(deps.db)) >= claims.exp) {
    throw new Refusal('invalid_token', 'expired, or the client is gone')
  }
  if (client.region === null || client.region !== regionCode) {
    throw new Refusal('access_denied', "not this region's client")
  }
  return regionCodeSchema.parse(client.region)
}
