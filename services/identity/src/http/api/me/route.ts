// /v1/me/contexts: where the signed-in person may act, and the choice that is remembered for the next time.
import { type ContextList, contextChoiceSchema, contextListQuerySchema } from '@meridian/protocol/me'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { chooseContext } from '../../../directory/choose-context.ts'
import { readContexts } from '../../../directory/contexts.ts'
import { authenticatePerson } from '../../bearer.ts'
import { originOf } from '../../origin.ts'

export function meRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/me/contexts', async (request): Promise<ContextList> => {
    const person = await authenticatePerson(deps, request)
    const { resource, org_id: org } = parseInput(contextListQuerySchema, request.query)
    const named = resource === undefined || org === undefined ? undefined : { resource, org: org.toLowerCase() }
    const contexts = await readContexts(deps.db, person, named)
    return { contexts: [...contexts], can_switch: contexts.length > 1 }
  })

  app.put('/v1/me/context', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const choice = parseInput(contextChoiceSchema, request.body)
    await chooseContext(deps, person, { orgId: choice.org_id, region: choice.region }, originOf(request))
    return reply.code(204).send()
  })
}
