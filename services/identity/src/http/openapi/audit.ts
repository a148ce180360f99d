import { auditExportQuerySchema, auditPageSchema, auditQuerySchema } from '@meridian/protocol/audit'
import { type Operation, ORG_NAME } from './operation.ts'

const AUDIT = { area: 'Audit', caller: 'person' } as const
const LINES = 'application/x-ndjson'
const RECIPE =
  'Needs a recent sign-in (RFC 9470), and is an event itself. A line is a JSON object: events by time, and a last one of `type: end` without which the export is not whole. Each event has what its `hash` is made of; services/identity/README.md says how to verify it.'

export const AUDIT_OPERATIONS: readonly Operation[] = [
  {
    ...AUDIT,
    id: 'listOrgAudit',
    method: 'get',
    path: '/v1/orgs/{org}/audit',
    summary: 'What happened in an organization, newest first',
    description:
      'For its managers: what concerns the whole organization, and the regions that they act in as managers. Who it was is shown where it is one of its people. A `cursor` that is none of these events is refused with `invalid_request`, whosever it is.',
    parameters: [ORG_NAME],
    query: auditQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: auditPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...AUDIT,
    id: 'exportOrgAudit',
    method: 'get',
    path: '/v1/orgs/{org}/audit/export',
    summary: 'The same to take away, and to verify elsewhere',
    description: RECIPE,
    parameters: [ORG_NAME],
    query: auditExportQuerySchema,
    answers: [{ status: 200, description: 'All of that time, as it is read.', mediaType: LINES }],
    errors: { kind: 'problem', codes: ['access_denied', 'insufficient_user_authentication'] },
  },
  {
    ...AUDIT,
    id: 'listAudit',
    method: 'get',
    path: '/v1/audit',
    summary: 'What happened on the platform, newest first',
    description:
      'For sys-admins: sign-ins, accounts, keys and clients, and what was done to organizations as a whole; nothing of what goes on inside them.',
    query: auditQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: auditPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...AUDIT,
    id: 'exportAudit',
    method: 'get',
    path: '/v1/audit/export',
    summary: 'The same to take away, and to verify elsewhere',
    description: RECIPE,
    query: auditExportQuerySchema,
    answers: [{ status: 200, description: 'All of that time, as it is read.', mediaType: LINES }],
    errors: { kind: 'problem', codes: ['access_denied', 'insufficient_user_authentication'] },
  },
]
