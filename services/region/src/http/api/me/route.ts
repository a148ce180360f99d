// `/v1/me/context`: what the presented token lets its bearer do here.
import { regionContextSchema } from '@meridian/protocol/me'
import { permissionsOf } from '@meridian/protocol/roles'
import type { FastifyInstance } from 'fastify'

export function meRoutes(app: FastifyInstance): void {
  app.get('/v1/me/context', { config: { guard: 'authenticated' } }, async (request) => {
    const { userId, actorId, orgId, region, role } = request.context
    return regionContextSchema.parse({
      user_id: userId,
      org_id: orgId,
      region,
      role,
      permissions: permissionsOf(role),
      support: actorId !== null,
    })
  })
}
