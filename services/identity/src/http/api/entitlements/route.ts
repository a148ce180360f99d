// /v1/orgs/{org}/entitlements: what an organization has. Sys-admins set the licence with a recent sign-in (RFC 9470),
// managers switch within it, members see what is on.
import { licenceSchema, moduleSwitchSchema } from '@meridian/protocol/entitlements'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readLicence, readOwnEntitlements, setLicence, switchModule } from '../../../directory/entitlements.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticatePerson, authenticateSysAdmin } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

const ALL = '/v1/orgs/:org/entitlements'

export function entitlementsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get(ALL, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const isSysAdmin = person.platformRole === 'sys_admin'
    const found = await (isSysAdmin ? readLicence(deps, org) : readOwnEntitlements(deps, person, org))
    return reply.header('etag', entityTagOf(found.version)).send(found)
  })

  app.put(ALL, async (request, reply) => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    const org = orgOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const { modules } = parseInput(licenceSchema, request.body)
    const set = await setLicence(deps, actor, org, modules, expected, originOf(request))
    return reply.header('etag', entityTagOf(set.version)).send(set)
  })

  app.put<{ Params: { org: string; module: string } }>(`${ALL}/:module`, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const org = orgOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const { enabled } = parseInput(moduleSwitchSchema, request.body)
    const change = { module: request.params.module, enabled }
    const set = await switchModule(deps, actor, org, change, expected, originOf(request))
    return reply.header('etag', entityTagOf(set.version)).send(set)
  })
}
