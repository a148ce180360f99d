// Access rows of modules: sys-admins license, managers switch, members see what is on.
import {
  type AccessRow,
  everyPerson,
  managersOnly,
  membersOnly,
  sysAdminsOnly,
  type Target,
  type ThingMaker,
} from './shape.ts'

const ANY_VERSION = { 'if-match': '*' }
const entitlementsOf = ({ org }: Target) => `/v1/orgs/${org.id}/entitlements`

export const MODULE_THINGS: readonly ThingMaker[] = [
  {
    kind: 'licence',
    make: async ({ identity, target, sysAdmin }) => {
      const headers = { ...ANY_VERSION, authorization: `Bearer ${sysAdmin}` }
      const payload = { modules: ['records', 'reports'] }
      const reply = await identity.inject({ method: 'PUT', url: entitlementsOf(target), headers, payload })
      return String(reply.body['org_id'])
    },
  },
]

const { own, foreign } = membersOnly('200')

export const MODULE_ROWS: readonly AccessRow[] = [
  { route: 'GET /v1/modules', request: () => ({ url: '/v1/modules' }), ...everyPerson('200') },
  {
    route: 'GET /v1/orgs/:org/entitlements',
    request: (target) => ({ url: entitlementsOf(target) }),
    own: { ...own, sys_admin: '200' },
    foreign: { ...foreign, sys_admin: '200' },
  },
  {
    route: 'PUT /v1/orgs/:org/entitlements',
    request: (target) => ({ url: entitlementsOf(target), payload: { modules: ['records'] }, headers: ANY_VERSION }),
    ...sysAdminsOnly('200'),
  },
  {
    route: 'PUT /v1/orgs/:org/entitlements/:module',
    request: (target) => ({
      url: `${entitlementsOf(target)}/reports`,
      payload: { enabled: false },
      headers: ANY_VERSION,
    }),
    ...managersOnly('200'),
  },
]
