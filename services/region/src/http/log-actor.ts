import type { FastifyInstance } from 'fastify'

/** Ids of who acted, on the request's log line. */
export function logActor(app: FastifyInstance): void {
  app.addHook('preParsing', async (request) => {
    const { guard } = request.routeOptions.config
    if (guard === undefined || guard === 'public') return
    const { orgId, userId, actorId, region, clientId } = request.context
    const support = actorId === null ? {} : { actor_id: actorId }
    request.logFields = {
      ...request.logFields,
      org_id: orgId,
      user_id: userId,
      ...support,
      region,
      client_id: clientId,
    }
  })
}
