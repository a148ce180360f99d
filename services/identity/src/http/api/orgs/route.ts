// POST /v1/orgs: a sys-admin provisions an organization, its regions and its first manager.
import { orgCreateSchema } from '@meridian/protocol/orgs'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { createOrganization } from '../../../directory/create-organization.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'

export function orgsRoutes(app: FastifyInstance, deps: Deps): void {
  app.post('/v1/orgs', async (request, reply) => {
    const actor = await authenticateSysAdmin(deps, request)
    const body = parseInput(orgCreateSchema, request.body)
    const org = await createOrganization(deps, actor, body, readIdempotencyKey(request), originOf(request))
    return reply.code(201).header('location', `/v1/orgs/${org.id}`).send(org)
  })
}
