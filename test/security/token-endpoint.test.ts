// SECURITY 1.1: the token and revocation endpoints under bad input. Each refusal changes nothing, and the rightful
// holder's request still succeeds afterwards.
import pg from 'pg'
import t from 'tap'
import { embeddedPlace, onPostgresql, shiftClock } from '../support/databases.ts'
import {
  authorize,
  basic,
  claimsOf,
  exchange,
  IN,
  ISSUER,
  idempotencyKey,
  makeSysAdmin,
  REGION_SECRETS,
  redeem,
  refresh,
  signIn,
  startIdentity,
  US,
  verifierOf,
} from '../support/identity.ts'
import { refuses } from '../support/refusal.ts'

const grant = { status: 400, error: 'invalid_grant' }
const request400 = { status: 400, error: 'invalid_request' }
const client401 = { status: 401, error: 'invalid_client' }
const target400 = { status: 400, error: 'invalid_target' }

type ContextBody = { org: { slug: string }; region: { code: string }; role: string; current: boolean }

t.test('a code is redeemed only by its client with its verifier (A4, A5, A6)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const authorized = await authorize(identity, 'lin@acme.test')
  const other = (verifier: string) => () => redeem(identity, { ...authorized, verifier })
  await refuses(t, identity, 'wrong verifier', other(verifierOf()), grant)
  await refuses(t, identity, '42 characters', other('a'.repeat(42)), request400)
  await refuses(t, identity, '129 characters', other('a'.repeat(129)), request400)
  await refuses(t, identity, 'illegal characters', other(`${'a'.repeat(43)} `), request400)
  await refuses(t, identity, 'empty verifier', other(''), request400)
  const noVerifier = { grant_type: 'authorization_code', client_id: 'native', code: authorized.code }
  await refuses(t, identity, 'no verifier', () => identity.post('/oauth/token', noVerifier), grant)
  await refuses(t, identity, 'another client', () => redeem(identity, authorized, { client_id: 'other' }), grant)
  await refuses(
    t,
    identity,
    'a redirect_uri that was not asked for',
    () => redeem(identity, authorized, { redirect_uri: 'https://x.test/' }),
    grant,
  )
  const flipped = `${authorized.code.slice(0, -2)}${authorized.code.endsWith('AA') ? 'BB' : 'AA'}`
  await refuses(t, identity, 'a changed code', () => redeem(identity, { ...authorized, code: flipped }), grant)
  await refuses(
    t,
    identity,
    'a forbidden target',
    () => redeem(identity, authorized, { resource: US, org_id: 'acme' }),
    target400,
  )
  t.equal((await redeem(identity, authorized)).status, 200, 'the rightful client redeems it')
})

t.test('an expired code is refused (A7)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const authorized = await authorize(identity, 'lin@acme.test')
  await shiftClock(identity.db, 61)
  await refuses(t, identity, 'one second late', () => redeem(identity, authorized), grant)
})

t.test('unknown grants, and grants that the client is not registered for, are refused (A9)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  for (const grantType of ['password', 'implicit', 'urn:example:unknown', 'AUTHORIZATION_CODE']) {
    const form = { grant_type: grantType, client_id: 'native' }
    await refuses(t, identity, grantType, () => identity.post('/oauth/token', form), {
      status: 400,
      error: 'unsupported_grant_type',
    })
  }
  await refuses(t, identity, 'none', () => identity.post('/oauth/token', { client_id: 'native' }), request400)
  const form = { grant_type: 'client_credentials', client_id: 'native' }
  await refuses(t, identity, 'not registered', () => identity.post('/oauth/token', form), {
    status: 400,
    error: 'unauthorized_client',
  })
})

t.test('only a well-formed form is read (A10)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const reply = await signIn(identity, 'lin@acme.test')
  const payload = `grant_type=refresh_token&client_id=native&refresh_token=${reply.body['refresh_token']}`
  const send =
    (contentType: string | undefined, body = payload) =>
    () =>
      identity.inject({
        method: 'POST',
        url: '/oauth/token',
        payload: body,
        headers: contentType === undefined ? {} : { 'content-type': contentType },
      })
  const unsupported = { status: 415, error: 'invalid_request' }
  const types = [
    'application/json',
    'application/json garbage',
    'text/plain',
    'application/x-www-form-urlencoded garbage',
    'application/x-www-form-urlencodedx',
    'multipart/form-data; boundary=x',
  ]
  for (const type of types) await refuses(t, identity, type, send(type), unsupported)
  await refuses(t, identity, 'no content type', send(undefined), unsupported)
  await refuses(
    t,
    identity,
    'a repeated parameter',
    send('application/x-www-form-urlencoded', `${payload}&client_id=native`),
    request400,
  )
  await refuses(
    t,
    identity,
    'a repeated token',
    send('application/x-www-form-urlencoded', `${payload}&refresh_token=x`),
    request400,
  )
  const big = send('application/x-www-form-urlencoded', `${payload}&x=${'x'.repeat(17_000)}`)
  await refuses(t, identity, 'a body over 16 KiB', big, { status: 413, error: 'invalid_request' })
  t.equal(
    (await send('application/x-www-form-urlencoded', `${payload}&unknown=1`)()).status,
    200,
    'unknown parameters are ignored',
  )
})

t.test('a null character is refused wherever it stands', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { access_token: token, refresh_token: head } = (await signIn(identity, 'lin@acme.test')).body
  const own = { grant_type: 'client_credentials' }
  await refuses(
    t,
    identity,
    'client_id',
    () => identity.post('/oauth/token', { ...own, client_id: 'a\0b' }),
    request400,
  )
  await refuses(t, identity, 'Basic', () => identity.post('/oauth/token', own, basic('a%00b', 'x')), client401)
  const target = { resource: IN, org_id: 'acme' }
  await refuses(t, identity, 'org_id', () => exchange(identity, token, { ...target, org_id: 'acme\0' }), request400)
  await refuses(
    t,
    identity,
    'resource',
    () => exchange(identity, token, { ...target, resource: `${IN}\0` }),
    request400,
  )
  await refuses(t, identity, 'scope', () => refresh(identity, head, { scope: 'openid\0' }), request400)
  await refuses(t, identity, 'a name', () => refresh(identity, head, { 'x\0': 'y' }), request400)
  const query = `resource=${encodeURIComponent(IN)}&org_id=acme%00`
  await refuses(t, identity, 'a query', () => identity.get(`/v1/me/contexts?${query}`, token), request400)
  t.equal((await exchange(identity, token, target)).status, 200)
})

t.test('clients are who they prove to be', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const form = { grant_type: 'client_credentials' }
  const good = basic('region-in', REGION_SECRETS.in)
  const cases: readonly (readonly [string, Record<string, string>, Record<string, string>])[] = [
    ['no client', {}, {}],
    ['unknown client', { client_id: 'unknown' }, {}],
    ['a public claim to a confidential client', { client_id: 'region-in' }, {}],
    ['a wrong secret', {}, basic('region-in', REGION_SECRETS.us)],
    ['an empty secret', {}, basic('region-in', '')],
    ['its secret in the form', { client_id: 'region-in', client_secret: REGION_SECRETS.in }, {}],
    ['another id in the form', { client_id: 'region-us' }, good],
    ['garbage', {}, { authorization: 'Basic !!!' }],
    ['a bearer header', {}, { authorization: 'Bearer abc' }],
  ]
  for (const [title, extra, headers] of cases) {
    const reply = await refuses(
      t,
      identity,
      title,
      () => identity.post('/oauth/token', { ...form, ...extra }, headers),
      client401,
    )
    t.match(reply.headers['www-authenticate'], /^Basic /, `${title}: names the scheme`)
  }
  const twice = () => identity.post('/oauth/token', { ...form, client_secret: 'x' }, good)
  await refuses(t, identity, 'two methods', twice, request400)
  const reply = await identity.post('/oauth/token', form, good)
  t.equal(reply.status, 200, reply.text)
  t.match(claimsOf(reply.body['access_token']), { aud: ISSUER, sub: 'region-in', client_id: 'region-in' })
  const token = reply.body['access_token']
  await refuses(t, identity, 'a client token at /v1/me', () => identity.get('/v1/me', token), {
    status: 401,
    error: 'invalid_token',
  })
  await refuses(
    t,
    identity,
    'a client token as subject token',
    () => exchange(identity, token, { resource: IN, org_id: 'acme' }),
    grant,
  )
  t.equal((await identity.get('/v1/regions/in/hosts', token)).status, 200)
  await refuses(t, identity, "another region's hosts", () => identity.get('/v1/regions/us/hosts', token), {
    status: 403,
    error: 'access_denied',
  })
  const person = (await signIn(identity, 'lin@acme.test')).body['access_token']
  await refuses(t, identity, 'a person at the hosts', () => identity.get('/v1/regions/in/hosts', person), {
    status: 401,
    error: 'invalid_token',
  })
})

t.test("a region's client acts in its own region and organization, and gets no account token", async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const headers = basic('region-in', REGION_SECRETS.in)
  const start = (form: Record<string, string>) => () =>
    identity.post(
      '/oauth/challenge',
      {
        method: 'email',
        contact: 'sam@both.test',
        code_challenge: 'a'.repeat(43),
        code_challenge_method: 'S256',
        ...form,
      },
      headers,
    )
  await refuses(t, identity, 'no resource', start({}), target400)
  await refuses(t, identity, 'another region', start({ resource: US, org_id: 'globex' }), target400)
  await refuses(t, identity, 'the issuer', start({ resource: ISSUER, org_id: 'acme' }), target400)
  const authorized = await authorize(
    identity,
    'ada@acme.test',
    { client_id: 'region-in', resource: IN, org_id: 'acme' },
    headers,
  )
  const own = { client_id: 'region-in' }
  await refuses(
    t,
    identity,
    'redeemed for another region',
    () => redeem(identity, authorized, { ...own, resource: US, org_id: 'acme' }, headers),
    target400,
  )
  const redeemed = await redeem(identity, authorized, own, headers)
  t.equal(redeemed.status, 200, redeemed.text)
  t.match(claimsOf(redeemed.body['access_token']), { aud: IN, region: 'in', role: 'manager' })
  t.notOk('context' in redeemed.body)
  const token = redeemed.body['refresh_token']
  await refuses(
    t,
    identity,
    'refreshed for another region',
    () => refresh(identity, token, { ...own, resource: US, org_id: 'acme' }, headers),
    target400,
  )
  await refuses(
    t,
    identity,
    'its token exchanged',
    () => exchange(identity, redeemed.body['access_token'], { resource: US, org_id: 'acme' }),
    grant,
  )
  const again = await refresh(identity, token, own, headers)
  t.match(claimsOf(again.body['access_token']), { aud: IN, region: 'in' })
  await refuses(t, identity, 'its region token at /v1/me', () => identity.get('/v1/me', again.body['access_token']), {
    status: 401,
    error: 'invalid_token',
  })
})

t.test(
  'a forbidden context is invalid_target in the same bytes, whether it exists or not, and costs no rotation (A33, A34)',
  async (t) => {
    const identity = await startIdentity(t, await embeddedPlace('identity'))
    const reply = await signIn(identity, 'lin@acme.test')
    const { refresh_token: token, access_token: subject } = reply.body
    const targets: readonly Record<string, string>[] = [
      { resource: IN, org_id: 'globex' },
      { resource: IN, org_id: 'does-not-exist' },
      { resource: IN, org_id: '0199a2b4-0000-7000-8000-000000000000' },
      { resource: US, org_id: 'acme' },
      { resource: 'https://unknown.example.test', org_id: 'acme' },
      { resource: IN, org_id: "' OR 1=1 --" },
      { resource: IN },
      { org_id: 'acme' },
    ]
    const bodies = new Set<string>()
    for (const target of targets) {
      const title = JSON.stringify(target)
      bodies.add(
        (await refuses(t, identity, `refresh ${title}`, () => refresh(identity, token, target), target400)).text,
      )
      bodies.add(
        (await refuses(t, identity, `exchange ${title}`, () => exchange(identity, subject, target), target400)).text,
      )
    }
    t.equal(bodies.size, 1, 'one answer for all')
    const wider = { status: 400, error: 'invalid_scope' }
    await refuses(t, identity, 'a wider scope', () => refresh(identity, token, { scope: 'openid admin' }), wider)
    await refuses(
      t,
      identity,
      'a wider scope on exchange',
      () => exchange(identity, subject, { resource: IN, org_id: 'acme', scope: 'admin' }),
      wider,
    )
    const narrow = await refresh(identity, token, { scope: 'openid' })
    t.equal(narrow.body['scope'], 'openid', 'the rightful token still rotates, and narrows')
  },
)

t.test('refresh tokens are bound to their client, and garbage dies before the database (A6)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const token = String((await signIn(identity, 'lin@acme.test')).body['refresh_token'])
  const parts = token.split('.')
  const forged = (index: number, value: string) => parts.map((part, at) => (at === index ? value : part)).join('.')
  await refuses(t, identity, 'another client', () => refresh(identity, token, { client_id: 'other' }), grant)
  for (const [title, bad] of [
    ['no token', 'x'],
    ['another counter', forged(4, '1')],
    ['another epoch', forged(2, '2')],
    ['an unknown key', forged(1, 'zz')],
    ['a changed MAC', forged(5, 'A'.repeat(43))],
    ['an authorization code', token.replace('rt1', 'ac1')],
    ['padding', `${token}=`],
    ['a space', `${token} `],
  ] as const) {
    await refuses(t, identity, title, () => refresh(identity, bad), grant)
  }
  const missing = () => identity.post('/oauth/token', { grant_type: 'refresh_token', client_id: 'native' })
  await refuses(t, identity, 'none', missing, request400)
  t.equal((await refresh(identity, token)).status, 200)
})

t.test('revocation ends the session of its own client alone, and 503 is never 200 (A13)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const { refresh_token: token, access_token: access } = (await signIn(identity, 'lin@acme.test')).body
  const revoke = (form: Record<string, string>) => identity.post('/oauth/revoke', { client_id: 'native', ...form })
  await refuses(t, identity, 'another client', () => revoke({ client_id: 'other', token }), grant)
  await refuses(
    t,
    identity,
    "another client's access token",
    () => revoke({ client_id: 'other', token: access }),
    grant,
  )
  await refuses(t, identity, 'no token', () => revoke({}), request400)
  for (const unknown of ['unknown', `${token}x`, token.replace(/.{4}$/, 'AAAA')]) {
    t.equal((await revoke({ token: unknown })).status, 200, 'an unknown token is over anyway')
  }
  t.equal((await identity.get('/v1/me', access)).status, 200, 'and the session lives on')
  t.equal((await revoke({ token })).status, 200)
  await refuses(t, identity, 'refresh after sign-out', () => refresh(identity, token), grant)
  await refuses(t, identity, 'the account token', () => identity.get('/v1/me', access), {
    status: 401,
    error: 'invalid_token',
  })
  await refuses(t, identity, 'exchange', () => exchange(identity, access, { resource: IN, org_id: 'acme' }), grant)
  const rows = await identity.db.prisma.revocation.findMany()
  t.strictSame(
    rows.map((row) => [row.kind, row.subject]),
    [['session', claimsOf(access)['sid']]],
  )
})

t.test('an account token ends its session as well, while it is good (RFC 7009 §2.1)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const revoke = (token: string) => identity.post('/oauth/revoke', { client_id: 'native', token })
  const unsupported = { status: 400, error: 'unsupported_token_type' }
  const lin = (await signIn(identity, 'lin@acme.test')).body
  const region = (await exchange(identity, lin['access_token'], { resource: IN, org_id: 'acme' })).body['access_token']
  await refuses(t, identity, 'a region token, which its region has seen', () => revoke(region), unsupported)
  t.equal((await revoke(lin['access_token'])).status, 200)
  await refuses(t, identity, 'refresh after sign-out', () => refresh(identity, lin['refresh_token']), grant)
  const { refresh_token: token, access_token: stale } = (await signIn(identity, 'max@globex.test')).body
  await shiftClock(identity.db, 601)
  t.equal((await revoke(stale)).status, 200, 'an expired one is over anyway')
  t.equal((await refresh(identity, token)).status, 200, 'and ends nothing')
  const secret = basic('region-in', REGION_SECRETS.in)
  const own = await identity.post('/oauth/token', { grant_type: 'client_credentials' }, secret)
  const revokeOwn = () => identity.post('/oauth/revoke', { token: own.body['access_token'] }, secret)
  await refuses(t, identity, 'a client token', revokeOwn, unsupported)
})

t.test('storage', async (t) => {
  await onPostgresql(t, 'a revocation that cannot be stored is answered 503, never 200 (A13)', async (t, place) => {
    const where = await place('identity')
    const identity = await startIdentity(t, where)
    const token = (await signIn(identity, 'lin@acme.test')).body['refresh_token']
    const blocker = new pg.Client(where.url)
    await blocker.connect()
    await blocker.query('BEGIN; LOCK TABLE refresh_token_family')
    const reply = await identity.post('/oauth/revoke', { client_id: 'native', token })
    await blocker.end()
    t.match([reply.status, reply.body['error']], [503, 'temporarily_unavailable'])
    t.match(reply.headers['retry-after'], /^[0-9]+$/)
    t.equal((await refresh(identity, token)).status, 200, 'nothing was revoked')
  })
})

t.test('a refresh token in a cookie moves only with origin, header and key (A36, A38)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const origin = { origin: 'https://app.example.test' }
  const complete = { ...origin, 'x-meridian-request': '1', 'idempotency-key': idempotencyKey() }
  const client = { client_id: 'spa' }
  const foreign = { ...complete, origin: 'https://evil.example.test' }
  const authorized = await authorize(identity, 'lin@acme.test', client, origin)
  const unauthorized = { status: 400, error: 'unauthorized_client' }
  await refuses(
    t,
    identity,
    'no origin',
    () => redeem(identity, authorized, client, { ...complete, origin: '' }),
    unauthorized,
  )
  await refuses(t, identity, 'a foreign origin', () => redeem(identity, authorized, client, foreign), unauthorized)
  await refuses(
    t,
    identity,
    'no custom header',
    () => redeem(identity, authorized, client, { ...complete, 'x-meridian-request': '' }),
    request400,
  )
  const { 'idempotency-key': _key, ...keyless } = complete
  await refuses(t, identity, 'no key', () => redeem(identity, authorized, client, keyless), request400)
  await refuses(
    t,
    identity,
    'a short key',
    () => redeem(identity, authorized, client, { ...complete, 'idempotency-key': '12345' }),
    request400,
  )
  const reply = await redeem(identity, authorized, client, complete)
  t.equal(reply.status, 200, reply.text)
  t.notOk('refresh_token' in reply.body, 'never in a body')
  const cookie = String(reply.headers['set-cookie'])
  t.match(
    cookie,
    /^__Host-meridian-refresh-0-[0-9a-f]{8}=rt1\.[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  )
  t.notMatch(cookie, /domain/i)
  t.match(reply.headers, {
    'access-control-allow-origin': 'https://app.example.test',
    'access-control-allow-credentials': 'true',
    vary: /Origin/,
  })
  const jar = { cookie: cookie.split(';')[0] as string }
  const form = { grant_type: 'refresh_token', ...client }
  const fresh = () => ({ ...complete, 'idempotency-key': idempotencyKey() })
  await refuses(
    t,
    identity,
    'cookie without origin',
    () => identity.post('/oauth/token', form, { ...jar, ...fresh(), origin: '' }),
    unauthorized,
  )
  await refuses(
    t,
    identity,
    'cookie from elsewhere',
    () => identity.post('/oauth/token', form, { ...jar, ...foreign }),
    unauthorized,
  )
  await refuses(t, identity, 'no cookie', () => identity.post('/oauth/token', form, fresh()), grant)
  const inBody = { ...form, refresh_token: jar.cookie.split('=')[1] as string }
  await refuses(t, identity, 'in the body', () => identity.post('/oauth/token', inBody, fresh()), request400)
  const rotated = await identity.post('/oauth/token', form, { ...jar, ...fresh() })
  t.equal(rotated.status, 200, rotated.text)
  t.not(String(rotated.headers['set-cookie']).split(';')[0], jar.cookie)
  const preflight = await identity.inject({
    method: 'OPTIONS',
    url: '/oauth/token',
    headers: { origin: 'https://evil.example.test', 'access-control-request-method': 'POST' },
  })
  t.notOk(preflight.headers['access-control-allow-origin'], 'a foreign origin gets no CORS')
})

t.test('a sys-admin provisions, once per key, and everybody else is refused', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  await makeSysAdmin(identity)
  const admin = (await signIn(identity, 'root@example.test')).body['access_token']
  const person = (await signIn(identity, 'ada@acme.test')).body['access_token']
  const body = {
    slug: 'initech',
    name: 'Initech',
    primary_contact: { name: 'Bill', email: 'bill@initech.test' },
    regions: ['in', 'us'],
    first_manager: { name: 'Bill', email: 'Bill@Initech.test' },
  }
  const create = (token: string | undefined, payload: object, key?: string) =>
    identity.inject({
      method: 'POST',
      url: '/v1/orgs',
      payload,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
    })
  const bad = { status: 400, error: 'invalid_request' }
  await refuses(t, identity, 'anonymous', () => create(undefined, body), { status: 401, error: 'missing_token' })
  await refuses(t, identity, 'a manager', () => create(person, body), { status: 403, error: 'access_denied' })
  await refuses(t, identity, 'an unknown field', () => create(admin, { ...body, owner: 'x' }), bad)
  await refuses(t, identity, 'a reserved slug', () => create(admin, { ...body, slug: 'admin' }), bad)
  await refuses(t, identity, 'no region', () => create(admin, { ...body, regions: [] }), bad)
  await refuses(t, identity, 'a control character', () => create(admin, { ...body, name: 'a\r\nb' }), bad)
  await refuses(t, identity, 'an operator object', () => create(admin, { ...body, slug: { not: '' } }), bad)
  await refuses(t, identity, 'an unknown region', () => create(admin, { ...body, regions: ['eu'] }), {
    status: 422,
    error: 'unknown_region',
  })
  await refuses(t, identity, 'a taken slug', () => create(admin, { ...body, slug: 'acme' }), {
    status: 409,
    error: 'slug_taken',
  })
  const asManager = { ...body, first_manager: { name: 'Root', email: 'root@example.test' } }
  await refuses(t, identity, 'a sys-admin as manager', () => create(admin, asManager), {
    status: 409,
    error: 'sys_admin_cannot_be_member',
  })
  const key = idempotencyKey()
  const created = await create(admin, body, key)
  t.equal(created.status, 201, created.text)
  const again = await create(admin, body, key)
  t.strictSame(again.body, created.body, 'a repeat is answered again')
  await refuses(t, identity, 'the key for another body', () => create(admin, { ...body, slug: 'other' }, key), {
    status: 422,
    error: 'idempotency_key_reused',
  })
  const manager = await signIn(identity, 'bill@initech.test')
  const { contexts } = (await identity.get('/v1/me/contexts', manager.body['access_token'])).body
  t.strictSame(
    contexts.map((c: ContextBody) => [c.org.slug, c.region.code, c.role]),
    [
      ['initech', 'in', 'manager'],
      ['initech', 'us', 'manager'],
    ],
  )
})
