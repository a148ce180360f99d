// Access rows of members, whom managers of their region manage, and of a person's own memberships.
import { type AccessRow, everyPerson, managersOnly, type Target } from './shape.ts'

const membersOf = ({ org }: Target) => `/v1/orgs/${org.id}/members`
const memberOf = (target: Target) => `${membersOf(target)}/${target.membership}`
/** Somebody else's, to everybody who asks. */
const ownOf = ({ membership }: Target) => `/v1/me/memberships/${membership}`

export const MEMBERS_ROWS: readonly AccessRow[] = [
  { route: 'GET /v1/orgs/:org/members', request: (target) => ({ url: membersOf(target) }), ...managersOnly('200') },
  {
    route: 'GET /v1/orgs/:org/members/:membership',
    request: (target) => ({ url: memberOf(target) }),
    ...managersOnly('200'),
  },
  {
    route: 'PATCH /v1/orgs/:org/members/:membership',
    request: (target) => ({ url: memberOf(target), payload: { role: 'viewer' }, headers: { 'if-match': '*' } }),
    ...managersOnly('200'),
  },
  {
    route: 'DELETE /v1/orgs/:org/members/:membership',
    request: (target) => ({ url: memberOf(target) }),
    ...managersOnly('204'),
  },
  { route: 'GET /v1/me/memberships', request: () => ({ url: '/v1/me/memberships' }), ...everyPerson('200') },
  {
    route: 'PATCH /v1/me/memberships/:membership',
    request: (target) => ({ url: ownOf(target), payload: { display_name: 'Me' } }),
    ...everyPerson('404 not_found'),
  },
  {
    route: 'DELETE /v1/me/memberships/:membership',
    request: (target) => ({ url: ownOf(target) }),
    ...everyPerson('404 not_found'),
  },
  { route: 'GET /v1/roles', request: () => ({ url: '/v1/roles' }), ...everyPerson('200') },
]
