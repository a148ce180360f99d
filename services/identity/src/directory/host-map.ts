// Hosts as regions and proxies ask for them. What leads where is store/hosts.ts.
import type { ClientTokenClaims } from '@meridian/protocol/access-token'
import type { HostMap, HostResolution } from '@meridian/protocol/hosts'
import { regionCodeSchema } from '@meridian/protocol/ids'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { findHost, listHosts, type OwnNames } from '../store/hosts.ts'
import { authorizeRegionClient } from './region-client.ts'

type HostDeps = Pick<Deps, 'db' | 'settings'>

const HOST = /^([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*)\.?(?::\d{1,5})?$/
const HOST_MAX_CHARACTERS = 253

const ownNames = ({ issuer, baseDomain }: Deps['settings']): OwnNames => ({
  issuerHost: new URL(issuer).hostname,
  baseDomain,
})

/**
 * The hosts of a region, for that region's own client. A region that does not know the second form gets the hosts that
 * it serves, and nothing of those that have moved. Throws Refusal (invalid_token, access_denied).
 */
export async function readHostMap(
  deps: HostDeps,
  claims: ClientTokenClaims,
  regionCode: string,
  isSecondForm: boolean,
): Promise<HostMap> {
  const region = regionCodeSchema.parse(await authorizeRegionClient(deps, claims, regionCode))
  const hosts = await listHosts(deps.db, region, ownNames(deps.settings))
  if (!isSecondForm) {
    const served = hosts.filter(({ redirect_to: redirect }) => redirect === null)
    return { region, hosts: served.map(({ host, org_id }) => ({ host, org_id })) }
  }
  return {
    region,
    hosts: hosts.map(({ redirect_to: redirect, ...entry }) =>
      redirect === null ? entry : { ...entry, redirect_to: redirect },
    ),
  }
}

/**
 * What a host leads to, for a proxy; whether there is maintenance there shows nowhere in it. Throws Refusal (unknown_host), the same for one that never was, one of an
 * organization that is closed, and what is no host at all.
 */
export async function resolveHost(deps: HostDeps, text: string): Promise<HostResolution> {
  const host = HOST.exec(text.toLowerCase())?.[1]
  const found =
    host === undefined || host.length > HOST_MAX_CHARACTERS
      ? undefined
      : await findHost(deps.db, host, ownNames(deps.settings))
  if (host === undefined || found === undefined) throw new Refusal('unknown_host', 'leads nowhere')
  const wanted = found.primary_domain ?? (found.hasMoved ? found.tenant_host : host)
  return {
    host,
    org: { id: found.org_id, slug: found.slug },
    region: found.region,
    status: 'active',
    version: found.version,
    redirect_to: wanted === host ? null : wanted,
  }
}
