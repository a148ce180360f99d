// The audit: of an organization for its managers, of the platform for sys-admins; to search, and to take away. What is
// taken away needs a recent sign-in (RFC 9470).
import { Readable } from 'node:stream'
import { type AuditExportLine, auditExportQuerySchema, auditQuerySchema } from '@meridian/protocol/audit'
import { parseInput } from '@meridian/service-kit/request-input'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { exportAudit } from '../../../audit/export.ts'
import { type AuditScope, listAudit, PLATFORM_SCOPE, scopeOfOrganization } from '../../../audit/search.ts'
import type { Deps } from '../../../deps.ts'
import { regionsOfAuthority, requireAuthority } from '../../../directory/authority.ts'
import { requireRecentSignIn } from '../../../sessions/recent-sign-in.ts'
import type { SignedInPerson } from '../../../sessions/signed-in-person.ts'
import { authenticatePerson, authenticateSysAdmin } from '../../bearer.ts'
import { originOf } from '../../origin.ts'
import { orgOf } from '../../path-names.ts'

/** An export streams as fast as it is read: this is for whoever stops reading. */
const EXPORT_TIMEOUT_MS = 10 * 60_000
const LINES = 'application/x-ndjson'

export function auditRoutes(app: FastifyInstance, deps: Deps): void {
  app.get('/v1/orgs/:org/audit', async (request) => {
    const person = await authenticatePerson(deps, request)
    const scope = await readOwnScope(deps, request, person)
    return listAudit(deps, scope, parseInput(auditQuerySchema, request.query))
  })

  app.get('/v1/orgs/:org/audit/export', { handlerTimeout: EXPORT_TIMEOUT_MS }, async (request, reply) => {
    const person = await authenticatePerson(deps, request)
    const scope = await readOwnScope(deps, request, person)
    return sendExport(deps, request, reply, { person, scope })
  })

  app.get('/v1/audit', async (request) => {
    await authenticateSysAdmin(deps, request)
    return listAudit(deps, PLATFORM_SCOPE, parseInput(auditQuerySchema, request.query))
  })

  app.get('/v1/audit/export', { handlerTimeout: EXPORT_TIMEOUT_MS }, async (request, reply) => {
    const person = await authenticateSysAdmin(deps, request)
    return sendExport(deps, request, reply, { person, scope: PLATFORM_SCOPE })
  })
}

async function readOwnScope(deps: Deps, request: FastifyRequest, person: SignedInPerson): Promise<AuditScope> {
  const standing = await requireAuthority(deps.db, person, orgOf(request), 'audit:read')
  return scopeOfOrganization(standing.org_id, regionsOfAuthority(standing, 'audit:read'))
}

async function sendExport(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  { person, scope }: { readonly person: SignedInPerson; readonly scope: AuditScope },
): Promise<FastifyReply> {
  requireRecentSignIn(deps.settings, person)
  const range = parseInput(auditExportQuerySchema, request.query)
  const lines = await exportAudit(deps, scope, range, { person, origin: originOf(request) })
  return reply.header('content-type', LINES).send(Readable.from(textOf(lines)))
}

async function* textOf(lines: AsyncIterable<AuditExportLine>): AsyncGenerator<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`
}
