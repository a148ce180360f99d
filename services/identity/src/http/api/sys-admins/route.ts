// /v1/sys-admins: who administers the platform, decided by those who do. Writing needs a recent sign-in (RFC 9470). The
// first is appointed by the operator's command, which nothing here can do.
import { pageQuerySchema } from '@meridian/protocol/paging'
import { type SysAdmin, type SysAdminPage, sysAdminAppointmentSchema } from '@meridian/protocol/sys-admins'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { appoint, dismiss, readSysAdmins } from '../../../directory/sys-admins.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf } from '../../path-names.ts'

export function sysAdminsRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/sys-admins', async (request): Promise<SysAdminPage> => {
    await authenticateSysAdmin(deps, request)
    return readSysAdmins(deps, parseInput(pageQuerySchema, request.query))
  })

  app.post('/v1/sys-admins', async (request, reply): Promise<SysAdmin> => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    const appointment = parseInput(sysAdminAppointmentSchema, request.body)
    const appointed = await appoint(deps, actor, appointment, readIdempotencyKey(request), originOf(request))
    void reply.code(201).header('location', `/v1/users/${appointed.id}`)
    return appointed
  })

  app.delete('/v1/sys-admins/:id', async (request, reply) => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    await dismiss(deps, actor, idOf(request, 'id'), originOf(request))
    return reply.code(204).send()
  })
}
