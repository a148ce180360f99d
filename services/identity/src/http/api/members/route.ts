// /v1/orgs/{org}/members: the members of an organization, seen and managed by its managers (directory/members.ts).
import { memberChangeSchema, memberPageQuerySchema } from '@meridian/protocol/members'
import { entityTagOf, parseIfMatch } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { changeMember, type MemberPath, removeMember } from '../../../directory/member-change.ts'
import { listMembersOf, readMember } from '../../../directory/members.ts'
import { authenticatePerson } from '../../bearer.ts'
import { expectedVersionsOf } from '../../expected-versions.ts'
import { originOf } from '../../origin.ts'
import { idOf, orgOf } from '../../path-names.ts'

const MEMBERS = '/v1/orgs/:org/members'
const MEMBER = `${MEMBERS}/:membership`

export function membersRoutes(app: FastifyInstance, deps: Deps): void {
  app.get(MEMBERS, async (request) => {
    const person = await authenticatePerson(deps, request)
    return listMembersOf(deps, person, orgOf(request), parseInput(memberPageQuerySchema, request.query))
  })

  app.get(MEMBER, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const { org, membership } = pathOf(request)
    const member = await readMember(deps, person, org, membership)
    return reply.header('etag', entityTagOf(member.version)).send(member)
  })

  app.patch(MEMBER, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    const path = pathOf(request)
    const expected = parseIfMatch(request.headers['if-match'])
    const change = parseInput(memberChangeSchema, request.body)
    const member = await changeMember(deps, actor, path, change, expected, originOf(request))
    return reply.header('etag', entityTagOf(member.version)).send(member)
  })

  app.delete(MEMBER, async (request, reply) => {
    const actor = await authenticatePerson(deps, request)
    await removeMember(deps, actor, pathOf(request), expectedVersionsOf(request), originOf(request))
    return reply.code(204).send()
  })
}

function pathOf(request: FastifyRequest): MemberPath {
  return { org: orgOf(request), membership: idOf(request, 'membership') }
}
