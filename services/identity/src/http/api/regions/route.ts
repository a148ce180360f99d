// What a region reads with its own client token: the tenant hosts under which its organizations are reached.
import type { HostMap } from '@meridian/protocol/hosts'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readHostMap } from '../../../directory/host-map.ts'
import { authenticateClientToken } from '../../bearer.ts'

export function regionsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get<{ Params: { code: string } }>('/v1/regions/:code/hosts', async (request): Promise<HostMap> => {
    const claims = authenticateClientToken(deps, request)
    return readHostMap(deps, claims, request.params.code)
  })
}
