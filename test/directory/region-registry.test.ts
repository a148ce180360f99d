// The registry of regions, as sys-admins read it: what the operator set, whatever has become of it.
import { registeredRegionListSchema } from '@meridian/protocol/region-registry'
import t from 'tap'
import { embeddedPlace } from '../support/databases.ts'
import { registry, startIdentity } from '../support/identity.ts'
import { sysAdminToAsk } from '../support/organizations.ts'
import { ask } from '../support/races.ts'

t.test('the registry is told as it is, with what was withdrawn and when a region was here', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const root = await sysAdminToAsk(identity)
  await ask(identity, "UPDATE region SET last_seen = '2026-01-02T03:04:05Z' WHERE code = 'in'")
  await ask(identity, "UPDATE region SET status = 'withdrawn' WHERE code = 'us'")
  const { regions } = registeredRegionListSchema.parse((await root('GET', '/v1/regions')).body)
  const expected = registry.regions.map(({ code, name, api_url, host_suffix }) => ({
    ...{ code, name, api_url, host_suffix },
    status: code === 'us' ? 'withdrawn' : 'active',
    last_seen: code === 'in' ? '2026-01-02T03:04:05.000Z' : null,
  }))
  t.strictSame(regions, expected)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const)
    t.equal((await root(method, '/v1/regions')).status, 405, `${method}: read-only`)
})
