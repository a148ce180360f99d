// Access rows of people: their own account is everybody's own, other people's are seen and locked by sys-admins alone.
import { idempotencyKey } from '../../support/identity.ts'
import { type AccessRow, everyPerson, sysAdminsOnly, type Target, type ThingMaker } from './shape.ts'

const ANY_VERSION = { 'if-match': '*' }

const ofPlatform = (route: string, granted: `${number}`, request: AccessRow['request']): AccessRow => ({
  route,
  request,
  ...sysAdminsOnly(granted),
})
const emailOf = ({ org }: Target) => `plain@${org.slug}.test`

export const USER_THINGS: readonly ThingMaker[] = [
  {
    kind: 'sys_admin',
    make: async ({ identity, target: { org }, sysAdmin }) => {
      const headers = { authorization: `Bearer ${sysAdmin}`, 'idempotency-key': idempotencyKey() }
      const payload = { email: `appointed-${org.slug}@example.test`, name: 'Appointed' }
      const reply = await identity.inject({ method: 'POST', url: '/v1/sys-admins', headers, payload })
      return String(reply.body['id'])
    },
  },
]

export const USER_ROWS: readonly AccessRow[] = [
  {
    route: 'PATCH /v1/me',
    request: () => ({ url: '/v1/me', payload: { name: 'Another name' }, headers: ANY_VERSION }),
    ...everyPerson('200'),
  },
  { route: 'POST /v1/me/export', request: () => ({ url: '/v1/me/export' }), ...everyPerson('200') },
  { route: 'DELETE /v1/me', request: () => ({ url: '/v1/me' }), ...everyPerson('204') },
  ofPlatform('GET /v1/users', '200', (target) => ({ url: `/v1/users?email=${emailOf(target)}` })),
  ofPlatform('GET /v1/users/:id', '200', ({ user }) => ({ url: `/v1/users/${user}` })),
  ofPlatform('PUT /v1/users/:id/status', '200', ({ user }) => ({
    url: `/v1/users/${user}/status`,
    payload: { status: 'disabled', reason: 'abuse' },
    headers: ANY_VERSION,
  })),
  ofPlatform('GET /v1/sys-admins', '200', () => ({ url: '/v1/sys-admins' })),
  ofPlatform('POST /v1/sys-admins', '201', ({ org }) => ({
    url: '/v1/sys-admins',
    payload: { email: `new-${org.slug}@example.test`, name: 'New' },
  })),
  ofPlatform('DELETE /v1/sys-admins/:id', '204', ({ things }) => ({ url: `/v1/sys-admins/${things['sys_admin']}` })),
]
