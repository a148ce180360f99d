// /v1/me/memberships: a person's own memberships; and the catalogue of roles, which is the same for everybody.
import { type OwnMembershipList, ownMembershipChangeSchema, type RoleCatalogue } from '@meridian/protocol/members'
import { permissionsOf, roleSchema } from '@meridian/protocol/roles'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { leaveMembership, readOwnMemberships, renameOwnMembership } from '../../../directory/own-memberships.ts'
import { authenticatePerson } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import { idOf } from '../../path-names.ts'

const OWN = '/v1/me/memberships/:membership'

export function membershipsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/roles', async (request): Promise<RoleCatalogue> => {
    await authenticatePerson(deps, request)
    return { roles: roleSchema.options.map((role) => ({ role, permissions: [...permissionsOf(role)] })) }
  })

  app.get('/v1/me/memberships', async (request): Promise<OwnMembershipList> => {
    const person = await authenticatePerson(deps, request)
    return readOwnMemberships(deps, person.userId)
  })

  app.patch(OWN, async (request) => {
    const person = await authenticatePerson(deps, request)
    const id = idOf(request, 'membership')
    const { display_name: displayName } = parseInput(ownMembershipChangeSchema, request.body)
    return renameOwnMembership(deps, person, id, displayName, originOf(request))
  })

  app.delete(OWN, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    await leaveMembership(deps, person, idOf(request, 'membership'), originOf(request))
    return reply.code(204).send()
  })
}
