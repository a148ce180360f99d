// What becomes of an organization: its states, its regions, and a manager where it has lost all of its own. All of it is
// for sys-admins with a recent sign-in (RFC 9470). Whoever is in a hurry to close one need not have read it.

import { regionCodeSchema } from '@meridian/protocol/ids'
import { firstManagerSchema, type OrgDetails, orgStatusChangeSchema } from '@meridian/protocol/org-details'
import { entityTagOf } from '@meridian/service-kit/if-match'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { addFirstManager } from '../../../directory/first-manager.ts'
import {
  changeOrganizationStatus,
  deleteOrganizationForGrace,
  restoreDeletedOrganization,
} from '../../../directory/organization-lifecycle.ts'
import { addRegion, withdrawRegion } from '../../../directory/organization-regions.ts'
import { Refusal } from '../../../refusal.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import { authenticateSysAdmin } from '../../bearer.ts'
import { expectedVersionsOf } from '../../expected-versions.ts'
import { readIdempotencyKey } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

export function orgLifecycleRoutes(app: FastifyInstance, deps: Deps): void {
  app.put('/v1/orgs/:org/status', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const { status } = parseInput(orgStatusChangeSchema, request.body)
    const expected = expectedVersionsOf(request)
    const org = await changeOrganizationStatus(deps, actor, orgOf(request), status, expected, originOf(request))
    return sendOrg(reply, org)
  })

  app.delete('/v1/orgs/:org', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const expected = expectedVersionsOf(request)
    return sendOrg(reply, await deleteOrganizationForGrace(deps, actor, orgOf(request), expected, originOf(request)))
  })

  app.post('/v1/orgs/:org/restore', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const expected = expectedVersionsOf(request)
    return sendOrg(reply, await restoreDeletedOrganization(deps, actor, orgOf(request), expected, originOf(request)))
  })

  app.put('/v1/orgs/:org/regions/:code', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const expected = expectedVersionsOf(request)
    return sendOrg(reply, await addRegion(deps, actor, orgOf(request), regionOf(request), expected, originOf(request)))
  })

  app.delete('/v1/orgs/:org/regions/:code', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const expected = expectedVersionsOf(request)
    const region = regionOf(request)
    return sendOrg(reply, await withdrawRegion(deps, actor, orgOf(request), region, expected, originOf(request)))
  })

  app.post('/v1/orgs/:org/first-manager', async (request, reply) => {
    const actor = await authenticateWriter(deps, request)
    const person = parseInput(firstManagerSchema, request.body)
    const key = readIdempotencyKey(request)
    const added = await addFirstManager(deps, actor, orgOf(request), person, key, originOf(request))
    return reply.code(201).send(added)
  })
}

async function authenticateWriter(deps: Deps, request: FastifyRequest) {
  const actor = await authenticateSysAdmin(deps, request)
  requireRecentSignIn(deps.settings, actor)
  return actor
}

function regionOf(request: FastifyRequest): string {
  const region = regionCodeSchema.safeParse((request.params as { code: string }).code)
  if (!region.success) throw new Refusal('unknown_region', 'no region can be called so')
  return region.data
}

function sendOrg(reply: FastifyReply, org: OrgDetails): FastifyReply {
  return reply.header('etag', entityTagOf(org.version)).send(org)
}
