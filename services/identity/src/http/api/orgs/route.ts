// /v1/orgs: sys-admins provision organizations and list them; an organization is read by its people and by sys-admins, and
// changed by its managers and by sys-admins, each their own part. Its states and regions are lifecycle.ts.
import { orgCreateSchema } from '@meridian/protocol/org-create'
import { orgPageQuerySchema, orgPatchSchema, slugChangeSchema } from '@meridian/protocol/org-details'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { changeOrganization } from '../../../directory/change-organization.ts'
import { changeOrganizationSlug } from '../../../directory/change-slug.ts'
import { createOrganization } from '../../../directory/create-organization.ts'
import { listOrganizationPage, readOrganization } from '../../../directory/organization-details.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticatePerson, authenticateSysAdmin } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

export function orgsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/orgs', async (request) => {
    await authenticateSysAdmin(deps, request)
    return listOrganizationPage(deps, parseInput(orgPageQuerySchema, request.query))
  })

  app.post('/v1/orgs', async (request, reply) => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    const body = parseInput(orgCreateSchema, request.body)
    const org = await createOrganization(deps, actor, body, readIdempotencyKey(request), originOf(request))
    return reply.code(201).header('location', `/v1/orgs/${org.id}`).send(org)
  })

  app.get('/v1/orgs/:org', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const org = await readOrganization(deps, person, orgOf(request))
    return reply.header('etag', entityTagOf(org.version)).send(org)
  })

  app.patch('/v1/orgs/:org', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    if (person.platformRole === 'sys_admin') requireRecentSignIn(deps.settings, person)
    const name = orgOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const patch = parseInput(orgPatchSchema, request.body)
    const org = await changeOrganization(deps, person, name, patch, expected, originOf(request))
    return reply.header('etag', entityTagOf(org.version)).send(org)
  })

  app.put('/v1/orgs/:org/slug', async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    requireRecentSignIn(deps.settings, person)
    const name = orgOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const { slug } = parseInput(slugChangeSchema, request.body)
    const org = await changeOrganizationSlug(deps, person, name, slug, expected, originOf(request))
    return reply.header('etag', entityTagOf(org.version)).send(org)
  })
}
