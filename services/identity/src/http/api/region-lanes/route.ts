// What a region follows with its own client token: the change feed and the revocation lane (long polls), and the orders
// to erase.
import type { ErasureOrderPage } from '@meridian/protocol/erasures'
import {
  type ChangesPage,
  changesQuerySchema,
  type DigestsPage,
  digestsQuerySchema,
  type SnapshotPage,
  snapshotQuerySchema,
} from '@meridian/protocol/feed'
import { pageQuerySchema } from '@meridian/protocol/paging'
import { type RevocationPage, revocationQuerySchema } from '@meridian/protocol/revocations'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { acknowledgeErasure, listErasures, orderErasuresAgain } from '../../../directory/erasures.ts'
import { authorizeRegionClient, authorizeRegionVoice } from '../../../directory/region-client.ts'
import { createBulkReads } from '../../../feed/bulk-reads.ts'
import { createChangeLane } from '../../../feed/change-lane.ts'
import { createHints } from '../../../feed/hints.ts'
import { createRevocationLane } from '../../../feed/revocation-lane.ts'
import { createWaiters } from '../../../feed/waiters.ts'
import { authenticateClientToken } from '../../bearer.ts'
import { idOf } from '../../path-names.ts'

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

const BULK_READS = { atOnceMax: 2, waitingMax: 0 }

/** Above the longest wait. */
const LONG_POLL_TIMEOUT_MS = 25_000

export function regionLanesRoutes(app: FastifyInstance, deps: Deps): void {
  const waiters = createWaiters(deps)
  deps.metrics.all.beforeReading(async () => deps.metrics.pollsWaiting.set(waiters.count()))
  const revocations = createRevocationLane(deps, waiters)
  const changes = createChangeLane(deps, {
    waiters,
    onReturned: (follower) => orderErasuresAgain(deps, follower),
  })
  const readInBulk = createBulkReads(BULK_READS)
  const hints = createHints(deps, waiters)
  // What a request writes in a single statement, without a transaction of its own.
  app.addHook('onResponse', async ({ method }) => {
    if (!READS.has(method)) hints.give()
  })
  app.addHook('preClose', async () => {
    await Promise.all([waiters.stop(), hints.stop()])
  })

  async function authenticateEraser(request: FastifyRequest, authorize: typeof authorizeRegionClient) {
    const claims = authenticateClientToken(deps, request)
    const { code } = request.params as { code: string }
    return { code: await authorize(deps, claims, code, { mayBeWithdrawn: true }), clientId: claims.client_id }
  }

  async function authenticateFollower(request: FastifyRequest) {
    const claims = authenticateClientToken(deps, request)
    const { code } = request.params as { code: string }
    return { region: await authorizeRegionClient(deps, claims, code), clientId: claims.client_id }
  }

  app.get(
    '/v1/regions/:code/revocations',
    { handlerTimeout: LONG_POLL_TIMEOUT_MS },
    async (request): Promise<RevocationPage> => {
      const follower = await authenticateFollower(request)
      const { after, wait } = parseInput(revocationQuerySchema, request.query)
      return revocations.read(follower, { after, waitSeconds: wait, signal: request.signal })
    },
  )

  app.get(
    '/v1/regions/:code/changes',
    { handlerTimeout: LONG_POLL_TIMEOUT_MS },
    async (request): Promise<ChangesPage> => {
      const follower = await authenticateFollower(request)
      const { after, wait, limit } = parseInput(changesQuerySchema, request.query)
      return changes.readChanges(follower, { after, waitSeconds: wait, limit, signal: request.signal })
    },
  )

  app.get('/v1/regions/:code/snapshot', async (request): Promise<SnapshotPage> => {
    const follower = await authenticateFollower(request)
    const { after, through, limit } = parseInput(snapshotQuerySchema, request.query)
    return readInBulk(follower.clientId, () => changes.readSnapshot(follower, { after, through, limit }))
  })

  app.get('/v1/regions/:code/digests', async (request): Promise<DigestsPage> => {
    const follower = await authenticateFollower(request)
    const { after } = parseInput(digestsQuerySchema, request.query)
    return readInBulk(follower.clientId, () => changes.readDigests(follower, after))
  })

  app.get('/v1/regions/:code/erasures', async (request): Promise<ErasureOrderPage> => {
    const { code } = await authenticateEraser(request, authorizeRegionClient)
    return listErasures(deps, code, parseInput(pageQuerySchema, request.query))
  })

  app.put('/v1/regions/:code/erasures/:id', async (request, reply) => {
    const region = await authenticateEraser(request, authorizeRegionVoice)
    await acknowledgeErasure(deps, region, idOf(request, 'id'), request.id)
    return reply.code(204).send()
  })
}
