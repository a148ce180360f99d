// What a region reads and reports with its own client token: the tenant hosts under which its organizations are
// reached, and the signing keys that it holds. And the regions as the operator's registry has them, for sys-admins.
import { type HostMap, hostMapQuerySchema } from '@meridian/protocol/hosts'
import { heldKeysSchema } from '@meridian/protocol/jwks'
import type { RegisteredRegionList } from '@meridian/protocol/region-registry'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readHostMap } from '../../../directory/host-map.ts'
import { authorizeRegionVoice } from '../../../directory/region-client.ts'
import { readRegionRegistry } from '../../../directory/region-registry.ts'
import { reportRegionKeys } from '../../../keys/report-region-keys.ts'
import { authenticateClientToken, authenticateSysAdmin } from '../../bearer.ts'

export function regionsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/regions', async (request): Promise<RegisteredRegionList> => {
    await authenticateSysAdmin(deps, request)
    return readRegionRegistry(deps)
  })

  app.get<{ Params: { code: string } }>('/v1/regions/:code/hosts', async (request): Promise<HostMap> => {
    const claims = authenticateClientToken(deps, request)
    const { form } = parseInput(hostMapQuerySchema, request.query)
    return readHostMap(deps, claims, request.params.code, form === '2')
  })

  app.put<{ Params: { code: string } }>('/v1/regions/:code/keys', async (request, reply) => {
    const claims = authenticateClientToken(deps, request)
    const region = await authorizeRegionVoice(deps, claims, request.params.code)
    const { kids } = parseInput(heldKeysSchema, request.body)
    await reportRegionKeys(deps, region, kids)
    return reply.code(204).send()
  })
}
