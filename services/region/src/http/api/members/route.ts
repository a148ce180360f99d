// `/v1/members`: the members of the token's organization in this region, as the change feed has told them. Whom only a
// token has named is not among them.
import { membershipIdSchema } from '@meridian/protocol/ids'
import { regionMemberPageSchema, regionMemberQuerySchema } from '@meridian/protocol/region-members'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import { type MembersDeps, pageOfMembers } from '../../../directory/members.ts'

const READ = { guard: { permission: 'members:read' } } as const

export function membersRoutes(app: FastifyInstance, deps: MembersDeps): void {
  app.get('/v1/members', { config: { ...READ, takes: 'query' } }, async (request) => {
    const { cursor, ...rest } = parseInput(regionMemberQuerySchema, request.query)
    const after = cursor === undefined ? null : membershipIdSchema.parse(cursor)
    const { members, nextAfter } = await pageOfMembers(deps, request.context.orgId, { ...rest, after })
    return regionMemberPageSchema.parse({
      members: members.map(({ id, userId, role, status, displayName, name }) => ({
        id,
        user_id: userId,
        role,
        status,
        name: displayName ?? name,
      })),
      next_cursor: nextAfter,
    })
  })
}
