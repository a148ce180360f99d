// /v1/me/invitations: what a person was invited to, and their answer (directory/own-invitations.ts).
import type { OwnInvitationList } from '@meridian/protocol/invitations'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { acceptInvitation, declineInvitation, readOwnInvitations } from '../../../directory/own-invitations.ts'
import { authenticatePerson } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf } from '../../path-names.ts'

export function ownInvitationsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/me/invitations', async (request): Promise<OwnInvitationList> => {
    const person = await authenticatePerson(deps, request)
    return readOwnInvitations(deps, person.userId)
  })

  app.post('/v1/me/invitations/:id/accept', async (request) => {
    const person = await authenticatePerson(deps, request)
    const key = readIdempotencyKey(request)
    return acceptInvitation(deps, person, idOf(request, 'id'), key, originOf(request))
  })

  app.post('/v1/me/invitations/:id/decline', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    await declineInvitation(deps, person, idOf(request, 'id'), originOf(request))
    return reply.code(204).send()
  })
}
