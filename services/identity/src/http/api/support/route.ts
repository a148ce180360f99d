// /v1/support-grants: sys-admins ask to be let into an organization, and give it back. /v1/orgs/:org/support-grants: the
// organization decides, sees and ends it. The rules are directory/support-requests.ts and support-decisions.ts.
import { pageQuerySchema } from '@meridian/protocol/paging'
import {
  type SupportGrant,
  type SupportGrantPage,
  supportApprovalSchema,
  supportRequestSchema,
} from '@meridian/protocol/support'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import {
  approveSupport,
  declineSupport,
  endSupport,
  listSupportOf,
  type NamedSupport,
} from '../../../directory/support-decisions.ts'
import { giveBackSupport, listAllSupport, readSupport, requestSupport } from '../../../directory/support-requests.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticatePerson, authenticateSysAdmin } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf, orgOf } from '../../path-names.ts'

export function supportRoutes(app: FastifyInstance, deps: Deps): void {
  platformRoutes(app, deps)
  organizationRoutes(app, deps)
}

function platformRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/support-grants', async (request): Promise<SupportGrantPage> => {
    await authenticateSysAdmin(deps, request)
    return listAllSupport(deps, parseInput(pageQuerySchema, request.query))
  })

  app.post('/v1/support-grants', async (request, reply): Promise<SupportGrant> => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    const body = parseInput(supportRequestSchema, request.body)
    const grant = await requestSupport(deps, actor, body, readIdempotencyKey(request), originOf(request))
    void reply.code(201).header('location', `/v1/support-grants/${grant.id}`)
    return grant
  })

  app.get('/v1/support-grants/:id', async (request): Promise<SupportGrant> => {
    await authenticateSysAdmin(deps, request)
    return readSupport(deps, idOf(request, 'id'))
  })

  app.post('/v1/support-grants/:id/end', async (request): Promise<SupportGrant> => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    return giveBackSupport(deps, actor, idOf(request, 'id'), originOf(request))
  })
}

function organizationRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/orgs/:org/support-grants', async (request): Promise<SupportGrantPage> => {
    const person = await authenticatePerson(deps, request)
    return listSupportOf(deps, person, orgOf(request), parseInput(pageQuerySchema, request.query))
  })

  app.post('/v1/orgs/:org/support-grants/:id/approve', async (request): Promise<SupportGrant> => {
    const person = await authenticatePerson(deps, request)
    requireRecentSignIn(deps.settings, person)
    const named = namedIn(request)
    const approval = parseInput(supportApprovalSchema, request.body ?? {})
    return approveSupport(deps, person, named, approval, originOf(request))
  })

  app.post('/v1/orgs/:org/support-grants/:id/decline', async (request): Promise<SupportGrant> => {
    const person = await authenticatePerson(deps, request)
    return declineSupport(deps, person, namedIn(request), originOf(request))
  })

  app.post('/v1/orgs/:org/support-grants/:id/end', async (request): Promise<SupportGrant> => {
    const person = await authenticatePerson(deps, request)
    return endSupport(deps, person, namedIn(request), originOf(request))
  })
}

function namedIn(request: FastifyRequest): NamedSupport {
  return { org: orgOf(request), id: idOf(request, 'id') }
}
