// /v1/sync: how the regions' copies stand, and orders to compare, mend or rebuild them; for sys-admins. Ordering needs a
// recent sign-in (RFC 9470). What an organization's requests came to is for its managers as well.
import type { RegionSyncList } from '@meridian/protocol/region-report'
import {
  type SyncOrder,
  type SyncOrdered,
  type SyncOrderList,
  syncOrderCreateSchema,
  syncOrderQuerySchema,
} from '@meridian/protocol/sync-orders'
import { type Usage, usageQuerySchema } from '@meridian/protocol/usage'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { readRegionSync } from '../../../directory/region-health.ts'
import { orderSync, readSyncOrder, readSyncOrders } from '../../../directory/sync-orders.ts'
import { readUsage } from '../../../directory/usage.ts'
import { keepVisibleCounts } from '../../../directory/visible-counts.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticatePerson, authenticateSysAdmin } from '../../bearer.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { idOf, orgOf } from '../../path-names.ts'

export function syncRoutes(app: FastifyInstance, deps: Deps): void {
  const readVisible = keepVisibleCounts(deps)

  app.get('/v1/sync/regions', async (request): Promise<RegionSyncList> => {
    await authenticateSysAdmin(deps, request)
    return readRegionSync(deps, readVisible)
  })

  app.post('/v1/sync/orders', async (request, reply): Promise<SyncOrdered> => {
    const actor = await authenticateSysAdmin(deps, request)
    requireRecentSignIn(deps.settings, actor)
    const wanted = parseInput(syncOrderCreateSchema, request.body)
    const ordered = await orderSync(deps, actor, wanted, readIdempotencyKey(request), originOf(request))
    void reply.code(ordered.dry_run ? 200 : 201)
    return ordered
  })

  app.get('/v1/sync/orders', async (request): Promise<SyncOrderList> => {
    await authenticateSysAdmin(deps, request)
    return readSyncOrders(deps, parseInput(syncOrderQuerySchema, request.query))
  })

  app.get('/v1/sync/orders/:id', async (request): Promise<SyncOrder> => {
    await authenticateSysAdmin(deps, request)
    return readSyncOrder(deps, idOf(request, 'id'))
  })

  app.get('/v1/orgs/:org/usage', async (request): Promise<Usage> => {
    const person = await authenticatePerson(deps, request)
    return readUsage(deps, person, orgOf(request), parseInput(usageQuerySchema, request.query))
  })
}
