// /v1/clients: sys-admins see and manage the registered clients; every write needs a recent sign-in (RFC 9470). There
// is no dynamic registration (RFC 7591): nobody registers a client for themselves.
import { clientIdSchema, clientPageQuerySchema, clientRegistrationSchema } from '@meridian/protocol/clients'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import {
  changeClient,
  createClient,
  deleteClient,
  listClients,
  readClient,
  rotateClientSecret,
} from '../../../directory/manage-clients.ts'
import { Refusal } from '../../../refusal.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { expectedVersionsOf } from '../../expected-versions.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'

type WithId = { Params: { id: string } }

export function clientsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/clients', async (request) => {
    await authenticateSysAdmin(deps, request)
    const { cursor: after, limit } = parseInput(clientPageQuerySchema, request.query)
    return listClients(deps, { after, limit })
  })

  app.post('/v1/clients', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const registration = parseInput(clientRegistrationSchema, request.body)
    const client = await createClient(deps, actor, registration, readIdempotencyKey(request), originOf(request))
    return reply
      .code(201)
      .headers({ location: `/v1/clients/${client.id}`, etag: entityTagOf(client.version) })
      .send(client)
  })

  app.get<WithId>('/v1/clients/:id', async (request, reply) => {
    await authenticateSysAdmin(deps, request)
    const client = await readClient(deps, parseId(request))
    return reply.header('etag', entityTagOf(client.version)).send(client)
  })

  app.put<WithId>('/v1/clients/:id', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const id = parseId(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const registration = parseInput(clientRegistrationSchema, request.body)
    if (registration.id !== id) throw new Refusal('invalid_request', 'two ids', 'id: is not that of the address')
    const client = await changeClient(deps, actor, registration, expected, originOf(request))
    return reply.header('etag', entityTagOf(client.version)).send(client)
  })

  app.delete<WithId>('/v1/clients/:id', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    await deleteClient(deps, actor, parseId(request), expectedVersionsOf(request), originOf(request))
    return reply.code(204).send()
  })

  app.post<WithId>('/v1/clients/:id/secret', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const target = { id: parseId(request), expected: expectedVersionsOf(request) }
    const made = await rotateClientSecret(deps, actor, target, readIdempotencyKey(request), originOf(request))
    return reply.header('etag', entityTagOf(made.version)).send(made)
  })
}

async function authenticateWriter(deps: Deps, request: FastifyRequest) {
  const actor = await authenticateSysAdmin(deps, request)
  requireRecentSignIn(deps.settings, actor)
  return actor
}

/** What is no id is the id of nothing. */
function parseId(request: FastifyRequest<WithId>): string {
  const id = clientIdSchema.safeParse(request.params.id)
  if (!id.success) throw new Refusal('not_found', 'no such client')
  return id.data
}
