// SECURITY 1.6 (A67) and 1.16 (A115) at the identity service: every route there is, what it asks for, what it sends.
import { createPublicKey, verify } from 'node:crypto'
import { newOrgSlugSchema } from '@meridian/protocol/ids'
import { issuerJwksSchema } from '@meridian/protocol/jwks'
import { problemSchema } from '@meridian/protocol/problem'
import t from 'tap'
import { embeddedPlace } from '../support/databases.ts'
import { ISSUER, type Reply, signIn, startIdentity } from '../support/identity.ts'
import { routesOf } from '../support/routes.ts'

/** Every route, and what an anonymous caller gets. A route that is not here fails the test. */
const ROUTES: Readonly<Record<string, number>> = {
  'GET /healthz': 200,
  'GET /readyz': 200,
  'GET /.well-known/oauth-authorization-server': 200,
  'GET /.well-known/openid-configuration': 200,
  'GET /oauth/jwks': 200,
  'GET /openapi.json': 200,
  'GET /api-reference': 200,
  'POST /oauth/challenge': 400,
  'POST /oauth/token': 400,
  'POST /oauth/revoke': 401,
  'POST /oauth/introspect': 400,
  'GET /oauth/userinfo': 401,
  'POST /oauth/userinfo': 401,
  'GET /oauth/authorize': 400,
  'POST /oauth/authorize': 400,
  'GET /oauth/logout': 200,
  'POST /oauth/logout': 303,
  'GET /sign-in': 400,
  'POST /sign-in': 400,
  'GET /sign-in/cancel': 400,
  'GET /sign-in/code': 400,
  'POST /sign-in/code': 400,
  'POST /sign-in/resend': 400,
  'GET /sign-in/account': 400,
  'POST /sign-in/account': 400,
  'GET /sign-in/context': 400,
  'POST /sign-in/context': 400,
  'GET /sign-in/invitations': 400,
  'POST /sign-in/invitations': 400,
  'GET /invitations': 200,
  'GET /email-change/stop': 200,
  'POST /email-change/stop': 400,
  'GET /email-change/stop/code': 400,
  'POST /email-change/stop/code': 400,
  'GET /v1/me': 401,
  'PATCH /v1/me': 401,
  'DELETE /v1/me': 401,
  'POST /v1/me/export': 401,
  'GET /v1/users': 401,
  'GET /v1/users/:id': 401,
  'PUT /v1/users/:id/status': 401,
  'GET /v1/sys-admins': 401,
  'POST /v1/sys-admins': 401,
  'DELETE /v1/sys-admins/:id': 401,
  'GET /v1/me/contexts': 401,
  'PUT /v1/me/context': 401,
  'POST /v1/me/email': 401,
  'POST /v1/me/email/confirm': 401,
  'GET /v1/me/sessions': 401,
  'DELETE /v1/me/sessions/:id': 401,
  'POST /v1/me/sessions/revoke': 401,
  'GET /v1/orgs': 401,
  'POST /v1/orgs': 401,
  'GET /v1/orgs/:org': 401,
  'PATCH /v1/orgs/:org': 401,
  'DELETE /v1/orgs/:org': 401,
  'PUT /v1/orgs/:org/slug': 401,
  'PUT /v1/orgs/:org/status': 401,
  'POST /v1/orgs/:org/restore': 401,
  'PUT /v1/orgs/:org/regions/:code': 401,
  'DELETE /v1/orgs/:org/regions/:code': 401,
  'POST /v1/orgs/:org/first-manager': 401,
  'GET /v1/orgs/:org/summary': 401,
  'GET /v1/summaries': 401,
  'GET /v1/orgs/:org/assets': 401,
  'POST /v1/orgs/:org/assets': 401,
  'DELETE /v1/orgs/:org/assets/:digest': 401,
  'GET /v1/branding': 400,
  'GET /assets/:org/:digest': 404,
  'GET /v1/orgs/:org/members': 401,
  'GET /v1/orgs/:org/members/:membership': 401,
  'PATCH /v1/orgs/:org/members/:membership': 401,
  'DELETE /v1/orgs/:org/members/:membership': 401,
  'GET /v1/me/memberships': 401,
  'PATCH /v1/me/memberships/:membership': 401,
  'DELETE /v1/me/memberships/:membership': 401,
  'GET /v1/roles': 401,
  'GET /v1/orgs/:org/invitations': 401,
  'POST /v1/orgs/:org/invitations': 401,
  'POST /v1/orgs/:org/invitations/import': 401,
  'GET /v1/orgs/:org/invitations/:id': 401,
  'DELETE /v1/orgs/:org/invitations/:id': 401,
  'POST /v1/orgs/:org/invitations/:id/resend': 401,
  'GET /v1/orgs/:org/jobs/:id': 401,
  'GET /v1/me/invitations': 401,
  'POST /v1/me/invitations/:id/accept': 401,
  'POST /v1/me/invitations/:id/decline': 401,
  'GET /v1/orgs/:org/audit': 401,
  'GET /v1/orgs/:org/audit/export': 401,
  'GET /v1/audit': 401,
  'GET /v1/audit/export': 401,
  'GET /v1/clients': 401,
  'POST /v1/clients': 401,
  'GET /v1/clients/:id': 401,
  'PUT /v1/clients/:id': 401,
  'DELETE /v1/clients/:id': 401,
  'POST /v1/clients/:id/secret': 401,
  'GET /v1/support-grants': 401,
  'POST /v1/support-grants': 401,
  'GET /v1/support-grants/:id': 401,
  'POST /v1/support-grants/:id/end': 401,
  'GET /v1/orgs/:org/support-grants': 401,
  'POST /v1/orgs/:org/support-grants/:id/approve': 401,
  'POST /v1/orgs/:org/support-grants/:id/decline': 401,
  'POST /v1/orgs/:org/support-grants/:id/end': 401,
  'GET /v1/regions/:code/hosts': 401,
  'PUT /v1/regions/:code/keys': 401,
  'GET /v1/regions/:code/revocations': 401,
  'GET /v1/regions/:code/changes': 401,
  'GET /v1/regions/:code/snapshot': 401,
  'GET /v1/regions/:code/digests': 401,
  'GET /v1/regions/:code/erasures': 401,
  'PUT /v1/regions/:code/erasures/:id': 401,
  'PUT /v1/regions/:code/report': 401,
  'PUT /v1/regions/:code/orders/:id': 401,
  'GET /v1/regions': 401,
  'GET /v1/sync/regions': 401,
  'POST /v1/sync/orders': 401,
  'GET /v1/sync/orders': 401,
  'GET /v1/sync/orders/:id': 401,
  'GET /v1/orgs/:org/usage': 401,
  'GET /v1/modules': 401,
  'GET /v1/orgs/:org/entitlements': 401,
  'PUT /v1/orgs/:org/entitlements': 401,
  'PUT /v1/orgs/:org/entitlements/:module': 401,
  'GET /v1/orgs/:org/domains': 401,
  'POST /v1/orgs/:org/domains': 401,
  'GET /v1/orgs/:org/domains/:id': 401,
  'PUT /v1/orgs/:org/domains/:id': 401,
  'DELETE /v1/orgs/:org/domains/:id': 401,
  'POST /v1/orgs/:org/domains/:id/verify': 401,
  'GET /v1/hosts/resolve': 400,
  'GET /v1/hosts/tls-ask': 400,
}

t.test('every route is known, and an anonymous call gets what the table says', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const routes = routesOf(identity.app)
  t.strictSame([...routes].sort(), Object.keys(ROUTES).sort())
  for (const route of routes) {
    const [method, url = ''] = route.split(' ')
    const reply = await identity.inject({ method: method as 'GET', url: url.replace(':code', 'in') })
    t.equal(reply.status, ROUTES[route], `${route}: ${reply.text}`)
    if (reply.status === 401)
      t.match(reply.headers['www-authenticate'], /\/oauth\/(?!userinfo)/.test(route) ? /^Basic / : /^Bearer$/, route)
  }
})

t.test('no organization can be called as a path begins', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const words = new Set(routesOf(identity.app).map((route) => route.split('/')[1] ?? ''))
  t.ok(words.has('assets') && words.has('v1'))
  for (const word of words) t.notOk(newOrgSlugSchema.safeParse(word).success, word)
})

t.test('a path that is written another way reaches no other handler', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  for (const url of [
    '//v1/me',
    '/v1//me',
    '/v1/me/',
    '/V1/me',
    '/v1/%6De/',
    '/v1/me;x',
    '/v1/me%2f',
    '/v1/./me/',
    '/v1/x/../me',
    '/v1/me%00',
  ]) {
    const reply = await identity.inject({ method: 'GET', url })
    t.ok([400, 401, 404].includes(reply.status), `${url}: ${reply.status}`)
  }
  for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'DELETE', 'PATCH'] as const) {
    const reply = await identity.inject({ method, url: '/v1/me' })
    t.ok([401, 404, 405].includes(reply.status), `${method}: ${reply.status}`)
  }
})

t.test('every answer carries the security headers, and only public documents may be cached', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const token = (await signIn(identity, 'lin@acme.test')).body['access_token']
  const cacheable = new Set(['/oauth/jwks', '/.well-known/openid-configuration'])
  const calls: readonly (readonly [string, Promise<Reply>])[] = [
    ['/oauth/jwks', identity.get('/oauth/jwks')],
    ['/.well-known/openid-configuration', identity.get('/.well-known/openid-configuration')],
    ['/v1/me', identity.get('/v1/me', token)],
    ['/v1/me 401', identity.get('/v1/me')],
    ['/nowhere', identity.get('/nowhere')],
    [
      '/v1/orgs 403',
      identity.inject({ method: 'POST', url: '/v1/orgs', headers: { authorization: `Bearer ${token}` }, payload: {} }),
    ],
    ['/oauth/token 400', identity.post('/oauth/token', { grant_type: 'x', client_id: 'native' })],
    ['/oauth/token 401', identity.post('/oauth/token', { grant_type: 'refresh_token', client_id: 'no' })],
    ['/oauth/token 413', identity.post('/oauth/token', { x: 'x'.repeat(20_000) })],
    ['TRACE', identity.inject({ method: 'TRACE', url: '/oauth/token' })],
  ]
  for (const [title, call] of calls) {
    const { headers } = await call
    t.match(
      headers,
      {
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'strict-transport-security': /max-age=31536000/,
        'content-security-policy': /default-src 'none'.*frame-ancestors 'none'/,
        'x-request-id': /^[A-Za-z0-9_-]{22}$/,
      },
      title,
    )
    t.match(headers['cache-control'], cacheable.has(title) ? /public, max-age=300/ : 'no-store', `${title}: caching`)
    t.notOk(headers['server'] ?? headers['x-powered-by'], `${title}: names no software`)
  }
})

t.test('the metadata is consistent, and the JWKS verifies what is issued', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const discovery = await identity.get('/.well-known/openid-configuration')
  const metadata = await identity.get('/.well-known/oauth-authorization-server')
  t.strictSame(discovery.body, metadata.body)
  t.equal(discovery.body['issuer'], ISSUER)
  t.ok(discovery.body['id_token_signing_alg_values_supported'].includes('RS256'))
  t.strictSame(discovery.body['code_challenge_methods_supported'], ['S256'])
  for (const name of ['token_endpoint', 'jwks_uri', 'revocation_endpoint', 'authorization_challenge_endpoint']) {
    t.ok(String(discovery.body[name]).startsWith(`${ISSUER}/`), name)
  }
  const reply = await identity.get(new URL(discovery.body['jwks_uri']).pathname)
  t.match(reply.headers, { 'cache-control': /stale-if-error=86400/, 'content-type': /jwk-set\+json/, etag: /^".+"$/ })
  const { keys } = issuerJwksSchema.parse(reply.body)
  t.strictSame(keys.map((key) => key.alg).sort(), ['ES256', 'RS256'])
  const unchanged = await identity.get('/oauth/jwks', undefined, { 'if-none-match': String(reply.headers['etag']) })
  t.equal(unchanged.status, 304)

  const issued = (await signIn(identity, 'lin@acme.test')).body
  for (const [token, alg, typ] of [
    [issued['access_token'], 'ES256', 'at+jwt'],
    [issued['id_token'], 'RS256', 'JWT'],
  ]) {
    const [header = '', payload = '', signature = ''] = String(token).split('.')
    const parsed = JSON.parse(Buffer.from(header, 'base64url').toString())
    t.match(parsed, { alg, typ })
    const jwk = keys.find((key) => key.kid === parsed.kid)
    const key = createPublicKey({ key: jwk ?? {}, format: 'jwk' })
    const signed = Buffer.from(`${header}.${payload}`)
    const options = alg === 'ES256' ? ({ key, dsaEncoding: 'ieee-p1363' } as const) : key
    t.ok(verify('sha256', signed, options, Buffer.from(signature, 'base64url')), `${alg} verifies`)
  }
})

t.test('signing keys survive a restart, and a database without its sealing key starts nothing', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const kids = async () => (await identity.get('/oauth/jwks')).text
  const { loadKeySet } = await import('../../services/identity/src/keys/key-set.ts')
  const { randomBytes } = await import('node:crypto')
  const again = await loadKeySet(identity.db, identity.secrets, randomBytes)
  t.equal(again.document.toString(), await kids())
  const stranger = { sealKeys: [{ id: 's1', key: new Uint8Array(randomBytes(32)) }] as const }
  await t.rejects(loadKeySet(identity.db, stranger, randomBytes), { name: 'UnsealError' })
})

t.test('a refused call answers in the format of its endpoint, with the id that the log has', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const reply = await identity.get('/v1/me', 'not-a-token')
  const problem = problemSchema.parse(reply.body)
  t.equal(reply.status, 401)
  t.match(reply.headers['www-authenticate'], /^Bearer error="invalid_token"/)
  t.equal(reply.headers['x-request-id'], problem.request_id)
  t.match(identity.logText(), problem.request_id)
  t.notMatch(identity.logText(), 'not-a-token')
})
