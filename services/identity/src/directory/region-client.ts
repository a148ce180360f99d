import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import { type RegionCode, regionCodeSchema } from '@meridian/protocol/ids'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findClient } from '../store/clients.ts'
import { readNow } from '../store/deployment.ts'
import { isRegionInUse } from '../store/region-presence.ts'
import { speaksForRegion } from '../store/region-voice.ts'

type RegionClientOptions = {
  /** A region that is operated no more still has to erase. */
  readonly mayBeWithdrawn: boolean
}
const IN_USE: RegionClientOptions = { mayBeWithdrawn: false }

/** A region's own client, and no other region's. Throws Refusal (invalid_token, access_denied). */
export async function authorizeRegionClient(
  deps: Pick<Deps, 'db'>,
  claims: ClientTokenClaims,
  regionCode: string,
  { mayBeWithdrawn }: RegionClientOptions = IN_USE,
): Promise<RegionCode> {
  const client = await findClient(deps.db, claims.client_id)
  if (client === undefined || (await readNow(deps.db)) >= claims.exp) {
    throw new Refusal('invalid_token', 'expired, or the client is gone')
  }
  if (client.region === null || client.region !== regionCode) {
    throw new Refusal('access_denied', "not this region's client")
  }
  if (!mayBeWithdrawn && !(await isRegionInUse(deps.db, client.region))) {
    throw new Refusal('access_denied', 'the region was withdrawn')
  }
  return regionCodeSchema.parse(client.region)
}

/**
 * The client that answers for the whole region: what it says is done there, is taken as done. Throws Refusal (invalid_token,
 * access_denied).
 */
export async function authorizeRegionVoice(
  deps: Pick<Deps, 'db'>,
  claims: ClientTokenClaims,
  regionCode: string,
  options: RegionClientOptions = IN_USE,
): Promise<RegionCode> {
  const region = await authorizeRegionClient(deps, claims, regionCode, options)
  if (!(await speaksForRegion(deps.db, region, claims.client_id))) {
    throw new Refusal('access_denied', "not the client that speaks for the region: the configuration's does")
  }
  return region
}
