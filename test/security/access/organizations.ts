// Access rows of organizations: sys-admins provision and close them, managers change what is theirs, people see their own.
import { png } from '../../support/pictures.ts'
import {
  type AccessRow,
  type AskedFor,
  everybody,
  managersOnly,
  membersOnly,
  type Outcome,
  sysAdminsOnly,
  type Target,
  type ThingMaker,
} from './shape.ts'

const ANY_VERSION = { 'if-match': '*' }

/** Its managers, and sys-admins from outside. */
function managersAndSysAdmins(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const { own, foreign } = managersOnly(granted)
  return { own: { ...own, sys_admin: granted }, foreign: { ...foreign, sys_admin: granted } }
}

function peopleAndSysAdmins(granted: Outcome): Pick<AccessRow, 'own' | 'foreign'> {
  const { own, foreign } = membersOnly(granted)
  return { own: { ...own, sys_admin: granted }, foreign: { ...foreign, sys_admin: granted } }
}

const at =
  (path: string, request: Omit<AskedFor, 'url'> = {}) =>
  ({ org }: Target): AskedFor => ({ url: `/v1/orgs/${org.id}${path}`, ...request })

const ofPlatform = (route: string, granted: Outcome, request: AccessRow['request']): AccessRow => ({
  route,
  request,
  ...sysAdminsOnly(granted),
})

const pictureOf = (org: string) => png(`of ${org}`)
const asPicture = (token: string) => ({ authorization: `Bearer ${token}`, 'content-type': 'image/png' })

export const ORGANIZATION_THINGS: readonly ThingMaker[] = [
  {
    kind: 'asset',
    make: async ({ identity, target: { org }, manager }) => {
      const url = `/v1/orgs/${org.id}/assets`
      const payload = pictureOf(org.slug)
      const reply = await identity.inject({ method: 'POST', url, headers: asPicture(manager), payload })
      return String(reply.body['digest'])
    },
  },
]

export const ORGANIZATION_ROWS: readonly AccessRow[] = [
  ofPlatform('GET /v1/orgs', '200', () => ({ url: '/v1/orgs' })),
  { route: 'GET /v1/orgs/:org', request: at(''), ...peopleAndSysAdmins('200') },
  {
    route: 'PATCH /v1/orgs/:org',
    request: at('', { payload: { name: 'Another name' }, headers: ANY_VERSION }),
    ...managersAndSysAdmins('200'),
  },
  {
    route: 'PUT /v1/orgs/:org/slug',
    request: at('/slug', { payload: { slug: 'another-slug' }, headers: ANY_VERSION }),
    ...managersAndSysAdmins('200'),
  },
  ofPlatform('DELETE /v1/orgs/:org', '200', at('')),
  ofPlatform('PUT /v1/orgs/:org/status', '200', at('/status', { payload: { status: 'suspended' } })),
  ofPlatform('POST /v1/orgs/:org/restore', '200', at('/restore')),
  ofPlatform('PUT /v1/orgs/:org/regions/:code', '200', at('/regions/in')),
  // The home region of the one, the only region of the other.
  ofPlatform('DELETE /v1/orgs/:org/regions/:code', '409 conflict', ({ org, region }) => ({
    url: `/v1/orgs/${org.id}/regions/${region}`,
  })),
  ofPlatform(
    'POST /v1/orgs/:org/first-manager',
    '409 manager_present',
    at('/first-manager', { payload: { name: 'New', email: 'new@example.test' } }),
  ),
  ofPlatform('GET /v1/orgs/:org/summary', '200', at('/summary')),
  ofPlatform('GET /v1/summaries', '200', () => ({ url: '/v1/summaries' })),
  { route: 'GET /v1/orgs/:org/assets', request: at('/assets'), ...managersOnly('200') },
  {
    route: 'POST /v1/orgs/:org/assets',
    request: at('/assets', { payload: pictureOf('another'), headers: { 'content-type': 'image/png' } }),
    ...managersOnly('200'),
  },
  {
    route: 'DELETE /v1/orgs/:org/assets/:digest',
    request: ({ org, things }) => ({ url: `/v1/orgs/${org.id}/assets/${things['asset']}` }),
    ...managersOnly('204'),
  },
  { route: 'GET /v1/branding', request: ({ org }) => ({ url: `/v1/branding?org=${org.slug}` }), ...everybody('200') },
  {
    route: 'GET /assets/:org/:digest',
    request: ({ org, things }) => ({ url: `/assets/${org.id}/${things['asset']}` }),
    ...everybody('200'),
  },
]
