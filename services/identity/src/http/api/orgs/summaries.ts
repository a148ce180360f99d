// How many people organizations have, for sys-admins.
import { summaryPageQuerySchema, summaryQuerySchema } from '@meridian/protocol/tenant-summaries'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { listTenantSummaryPage, readTenantSummary } from '../../../directory/tenant-summaries.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { orgOf } from '../../path-names.ts'

export function summaryRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/orgs/:org/summary', async (request) => {
    await authenticateSysAdmin(deps, request)
    const { live } = parseInput(summaryQuerySchema, request.query)
    return readTenantSummary(deps, orgOf(request), live === 'true')
  })

  app.get('/v1/summaries', async (request) => {
    await authenticateSysAdmin(deps, request)
    return listTenantSummaryPage(deps, parseInput(summaryPageQuerySchema, request.query))
  })
}
