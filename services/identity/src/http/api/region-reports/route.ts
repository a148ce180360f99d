// What a region says with its own client token: how it is, and how the order that it is at goes.
import { type ReportAnswer, regionReportSchema } from '@meridian/protocol/region-report'
import { syncProgressSchema } from '@meridian/protocol/sync-orders'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { authorizeRegionClient, authorizeRegionVoice } from '../../../directory/region-client.ts'
import { takeRegionReport } from '../../../directory/region-reports.ts'
import { takeSyncProgress } from '../../../directory/sync-orders.ts'
import { createRation } from '../../../feed/ration.ts'
import { authenticateClientToken } from '../../bearer.ts'
import { idOf } from '../../path-names.ts'

/** Ten processes of a service that have much to tell: each reports every 2.5 s then. */
const REPORTS = { atOnce: 40, perSecond: 4 }

export function regionReportsRoutes(app: FastifyInstance, deps: Deps): void {
  const countReport = createRation(REPORTS, () => performance.now())

  async function authenticateRegion(request: FastifyRequest, authorize = authorizeRegionClient) {
    const claims = authenticateClientToken(deps, request)
    const { code } = request.params as { code: string }
    return { region: await authorize(deps, claims, code), clientId: claims.client_id }
  }

  app.put('/v1/regions/:code/report', async (request): Promise<ReportAnswer> => {
    const by = await authenticateRegion(request)
    countReport(by.clientId)
    return takeRegionReport(deps, by, parseInput(regionReportSchema, request.body))
  })

  app.put('/v1/regions/:code/orders/:id', async (request, reply) => {
    const by = await authenticateRegion(request, authorizeRegionVoice)
    const progress = parseInput(syncProgressSchema, request.body)
    await takeSyncProgress(deps, by, idOf(request, 'id'), progress, request.id)
    return reply.code(204).send()
  })
}
