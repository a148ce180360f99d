// GET /v1/orgs/{org}/jobs/{id}: how far work is that was answered with 202, and what came of it.
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readJob } from '../../../directory/jobs.ts'
import { authenticatePerson } from '../../bearer.ts'
import { idOf, orgOf } from '../../path-names.ts'

export function jobsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/orgs/:org/jobs/:id', async (request) => {
    const person = await authenticatePerson(deps, request)
    return readJob(deps, person, orgOf(request), idOf(request, 'id'))
  })
}
