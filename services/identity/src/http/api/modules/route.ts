// GET /v1/modules: what organizations can have, as the operator's configuration names it.
import type { ModuleList } from '@meridian/protocol/modules'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readModuleCatalogue } from '../../../directory/module-catalogue.ts'
import { authenticatePerson } from '../../bearer.ts'

export function modulesRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/modules', async (request): Promise<ModuleList> => {
    await authenticatePerson(deps, request)
    return readModuleCatalogue(deps)
  })
}
