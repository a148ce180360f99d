// Access rows of the audit: an organization's for its managers, the platform's for sys-admins.
import { type AccessRow, managersOnly, sysAdminsOnly } from './shape.ts'

const RANGE = 'from=2026-01-01T00:00:00Z&to=2026-12-31T00:00:00Z'

export const AUDIT_ROWS: readonly AccessRow[] = [
  {
    route: 'GET /v1/orgs/:org/audit',
    request: ({ org }) => ({ url: `/v1/orgs/${org.slug}/audit` }),
    ...managersOnly('200'),
  },
  {
    route: 'GET /v1/orgs/:org/audit/export',
    request: ({ org }) => ({ url: `/v1/orgs/${org.id}/audit/export?${RANGE}` }),
    ...managersOnly('200'),
  },
  { route: 'GET /v1/audit', request: () => ({ url: '/v1/audit' }), ...sysAdminsOnly('200') },
  { route: 'GET /v1/audit/export', request: () => ({ url: `/v1/audit/export?${RANGE}` }), ...sysAdminsOnly('200') },
]
