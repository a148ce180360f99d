// /v1/orgs/{org}/invitations: managers invite, one address at a time or from a file (directory/invitations.ts,
// directory/invitation-import.ts).
import { type Invitation, invitationCreateSchema, invitationPageQuerySchema } from '@meridian/protocol/invitations'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import {
  createInvitation,
  listInvitationsOf,
  readInvitation,
  resendInvitation,
  takeBackInvitation,
} from '../../../directory/invitations.ts'
import { authenticatePerson } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf, orgOf } from '../../path-names.ts'
import { importRoute } from './import.ts'

const INVITATIONS = '/v1/orgs/:org/invitations'
const INVITATION = `${INVITATIONS}/:id`

export async function invitationsRoutes(app: FastifyInstance, deps: Deps): Promise<void> {
  app.get(INVITATIONS, async (request) => {
    const person = await authenticatePerson(deps, request)
    return listInvitationsOf(deps, person, orgOf(request), parseInput(invitationPageQuerySchema, request.query))
  })

  app.post(INVITATIONS, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const wanted = parseInput(invitationCreateSchema, request.body)
    const key = readIdempotencyKey(request)
    const invitation = await createInvitation(deps, actor, org, wanted, key, originOf(request))
    return reply.code(201).header('location', `/v1/orgs/${org}/invitations/${invitation.id}`).send(invitation)
  })

  app.get(INVITATION, async (request) => {
    const person = await authenticatePerson(deps, request)
    return readInvitation(deps, person, orgOf(request), idOf(request, 'id'))
  })

  app.delete(INVITATION, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    await takeBackInvitation(deps, actor, orgOf(request), idOf(request, 'id'), originOf(request))
    return reply.code(204).send()
  })

  app.post(`${INVITATION}/resend`, async (request): Promise<Invitation> => {
    const actor = await authenticatePerson(deps, request)
    return resendInvitation(deps, actor, orgOf(request), idOf(request, 'id'), originOf(request))
  })

  await importRoute(app, deps)
}
