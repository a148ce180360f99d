// Access rows of signing in, tokens, public documents, the own account, clients and what regions read. What asks for
// proof of another kind than a token (a client's secret, a code, a browser's cookie) is the same for every actor: nothing
// is given for an empty call.
import { idempotencyKey } from '../../support/identity.ts'
import {
  type AccessRow,
  everybody,
  everyPerson,
  type Outcome,
  sysAdminsOnly,
  type Target,
  type ThingMaker,
} from './shape.ts'

const emptyCall = (route: string, answer: Outcome): AccessRow => ({
  route,
  request: () => ({ url: route.split(' ')[1] ?? '' }),
  ...everybody(answer),
})

const PUBLIC: readonly AccessRow[] = [
  emptyCall('GET /healthz', '200'),
  emptyCall('GET /readyz', '200'),
  emptyCall('GET /.well-known/oauth-authorization-server', '200'),
  emptyCall('GET /.well-known/openid-configuration', '200'),
  emptyCall('GET /oauth/jwks', '200'),
  emptyCall('GET /openapi.json', '200'),
  emptyCall('GET /api-reference', '200'),
]

const OF_OTHER_PROOF: readonly AccessRow[] = [
  emptyCall('POST /oauth/challenge', '400 invalid_request'),
  emptyCall('POST /oauth/token', '400 invalid_request'),
  emptyCall('POST /oauth/revoke', '401 invalid_client'),
  emptyCall('POST /oauth/introspect', '400 invalid_request'),
  emptyCall('GET /oauth/authorize', '400'),
  emptyCall('POST /oauth/authorize', '400'),
  emptyCall('GET /oauth/logout', '200'),
  emptyCall('POST /oauth/logout', '303'),
  emptyCall('GET /sign-in', '400'),
  emptyCall('POST /sign-in', '400'),
  emptyCall('GET /sign-in/cancel', '400'),
  emptyCall('GET /sign-in/code', '400'),
  emptyCall('POST /sign-in/code', '400'),
  emptyCall('POST /sign-in/resend', '400'),
  emptyCall('GET /sign-in/account', '400'),
  emptyCall('POST /sign-in/account', '400'),
  emptyCall('GET /sign-in/context', '400'),
  emptyCall('POST /sign-in/context', '400'),
  emptyCall('GET /email-change/stop', '200'),
  emptyCall('POST /email-change/stop', '400'),
  emptyCall('GET /email-change/stop/code', '400'),
  emptyCall('POST /email-change/stop/code', '400'),
]

/** Errors of userinfo are told as RFC 6750 §3 has them, with no code where nothing was shown. */
const userInfo = (method: 'GET' | 'POST'): AccessRow => {
  const { own, foreign } = everyPerson('200')
  const anonymous = '401 invalid_token'
  return {
    route: `${method} /oauth/userinfo`,
    request: () => ({ url: '/oauth/userinfo' }),
    own: { ...own, anonymous },
    foreign: { ...foreign, anonymous },
  }
}

/** The choice is remembered where the person may act. */
const chooseContext: AccessRow = {
  route: 'PUT /v1/me/context',
  request: ({ org, region }) => ({ url: '/v1/me/context', payload: { org_id: org.id, region } }),
  own: { ...everyPerson('403 access_denied').own, member: '204', viewer: '204', manager: '204' },
  foreign: { ...everyPerson('403 access_denied').foreign, foreign_manager: '204' },
}

const mine = (
  route: string,
  granted: Outcome,
  request: AccessRow['request'] = () => ({ url: route.split(' ')[1] ?? '' }),
): AccessRow => ({ route, request, ...everyPerson(granted) })

const OWN_ACCOUNT: readonly AccessRow[] = [
  userInfo('GET'),
  userInfo('POST'),
  mine('GET /v1/me', '200'),
  mine('GET /v1/me/contexts', '200'),
  chooseContext,
  mine('GET /v1/me/sessions', '200'),
  mine('DELETE /v1/me/sessions/:id', '404 not_found', ({ things }) => ({
    url: `/v1/me/sessions/${things['session']}`,
  })),
  mine('POST /v1/me/sessions/revoke', '200', () => ({
    url: '/v1/me/sessions/revoke',
    payload: { which: 'others' },
  })),
  mine('POST /v1/me/email', '202', () => ({ url: '/v1/me/email', payload: { email: 'other@example.test' } })),
  mine('POST /v1/me/email/confirm', '400 invalid_code', () => ({
    url: '/v1/me/email/confirm',
    payload: { change_session: 'x'.repeat(43), otp: '000000' },
  })),
]

const administrated = (
  route: string,
  granted: Outcome,
  request: (target: Target) => ReturnType<AccessRow['request']>,
): AccessRow => ({ route, request, ...sysAdminsOnly(granted) })

const REGISTRATION = {
  id: 'partner',
  name: 'Partner',
  auth_method: 'client_secret_basic',
  account_token: true,
  allowed_resources: ['*'],
  grant_types: ['authorization_code'],
  scopes: ['openid'],
}
const clientOf = ({ things }: Target) => `/v1/clients/${things['client']}`

const CLIENTS: readonly AccessRow[] = [
  administrated('GET /v1/clients', '200', () => ({ url: '/v1/clients' })),
  administrated('POST /v1/clients', '201', () => ({ url: '/v1/clients', payload: REGISTRATION })),
  administrated('GET /v1/clients/:id', '200', (target) => ({ url: clientOf(target) })),
  administrated('PUT /v1/clients/:id', '200', (target) => ({
    url: clientOf(target),
    payload: { ...REGISTRATION, id: target.things['client'] },
    headers: { 'if-match': '*' },
  })),
  administrated('DELETE /v1/clients/:id', '204', (target) => ({ url: clientOf(target) })),
  administrated('POST /v1/clients/:id/secret', '200', (target) => ({ url: `${clientOf(target)}/secret` })),
]

const ORGANIZATIONS: readonly AccessRow[] = [
  administrated('POST /v1/orgs', '201', () => ({
    url: '/v1/orgs',
    payload: {
      slug: 'initech',
      name: 'Initech',
      primary_contact: { name: 'Peter', email: 'peter@initech.test' },
      regions: ['in'],
      first_manager: { name: 'Peter', email: 'peter@initech.test' },
    },
  })),
]

/** For a region's own client; the actor is that of the own organization's region. */
const ofRegion = (route: string, granted: Outcome, payload?: object): AccessRow => {
  const refused = { ...everyPerson('401 invalid_token').own, region: '403 access_denied' } as const
  return {
    route,
    request: ({ region }) => ({
      url: (route.split(' ')[1] ?? '').replace(':code', region),
      ...(payload === undefined ? {} : { payload }),
    }),
    own: { ...refused, region: granted },
    foreign: refused,
  }
}

const REGIONS: readonly AccessRow[] = [
  ofRegion('GET /v1/regions/:code/hosts', '200'),
  ofRegion('PUT /v1/regions/:code/keys', '204', { kids: ['k1'] }),
]

export const EXISTING_ROWS: readonly AccessRow[] = [
  ...PUBLIC,
  ...OF_OTHER_PROOF,
  ...OWN_ACCOUNT,
  ...CLIENTS,
  ...ORGANIZATIONS,
  ...REGIONS,
]

export const EXISTING_THINGS: readonly ThingMaker[] = [
  {
    kind: 'client',
    make: async ({ identity, sysAdmin, target }) => {
      const reply = await identity.inject({
        method: 'POST',
        url: '/v1/clients',
        payload: { ...REGISTRATION, id: `partner-of-${target.org.slug}` },
        headers: { authorization: `Bearer ${sysAdmin}`, 'idempotency-key': idempotencyKey() },
      })
      return String(reply.body['id'])
    },
  },
  {
    // Of the manager who is nobody's actor.
    kind: 'session',
    make: async ({ identity, manager }) => String((await identity.get('/v1/me', manager)).body['session'].id),
  },
]
