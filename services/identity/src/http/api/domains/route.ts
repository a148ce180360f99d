// /v1/orgs/{org}/domains: an organization's own domains, managed by its managers of the region that each leads to.
import { domainChangeSchema, domainCreateSchema } from '@meridian/protocol/domains'
import { pageQuerySchema } from '@meridian/protocol/paging'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import {
  addDomain,
  changeDomain,
  readDomain,
  readDomains,
  releaseOwnDomain,
  verifyDomain,
} from '../../../directory/domains.ts'
import { authenticatePerson } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf, orgOf } from '../../path-names.ts'

const ALL = '/v1/orgs/:org/domains'
const ONE = `${ALL}/:id`

export function domainsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get(ALL, async (request) => {
    const person = await authenticatePerson(deps, request)
    const { cursor: after, limit } = parseInput(pageQuerySchema, request.query)
    return readDomains(deps, person, orgOf(request), { after, limit })
  })

  app.post(ALL, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const body = parseInput(domainCreateSchema, request.body)
    const added = await addDomain(deps, actor, org, body, readIdempotencyKey(request), originOf(request))
    return reply
      .code(201)
      .headers({ location: `/v1/orgs/${added.org_id}/domains/${added.id}`, etag: entityTagOf(added.version) })
      .send(added)
  })

  app.get(ONE, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const domain = await readDomain(deps, person, orgOf(request), idOf(request, 'id'))
    return reply.header('etag', entityTagOf(domain.version)).send(domain)
  })

  app.put(ONE, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const change = parseInput(domainChangeSchema, request.body)
    const domain = await changeDomain(deps, actor, org, idOf(request, 'id'), change, expected, originOf(request))
    return reply.header('etag', entityTagOf(domain.version)).send(domain)
  })

  app.delete(ONE, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const header = request.headers['if-match']
    const expected = header === undefined ? 'any' : parseIfMatch(header)
    await releaseOwnDomain(deps, actor, org, idOf(request, 'id'), expected, originOf(request))
    return reply.code(204).send()
  })

  app.post(`${ONE}/verify`, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const domain = await verifyDomain(deps, actor, orgOf(request), idOf(request, 'id'), originOf(request))
    return reply.header('etag', entityTagOf(domain.version)).send(domain)
  })
}
