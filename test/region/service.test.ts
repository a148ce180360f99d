import { newOrgSlugSchema } from '@meridian/protocol/ids'
import { regionContextSchema } from '@meridian/protocol/me'
import { problemSchema } from '@meridian/protocol/problem'
import t from 'tap'
import { idOf, makeSigningKey, REGION_US, regionClaims } from '../resource-server/region-issuer.ts'
import { emptyDataFolder } from '../support/data-folder.ts'
import { eachEngine, embeddedPlace, onPostgresql } from '../support/databases.ts'
import { startLink } from './database-link.ts'
import { CLIENT_SECRET, OTHER_TENANT_HOST, startCentre, startRegion, TENANT_HOST } from './region-service.ts'

const origin = 'https://app.example.com'
/** For tests that neither break it nor look at what was done before. */
const calm = await startRegion(t, await embeddedPlace('region'), { corsOrigins: [origin] })

t.test('the context is what the token says', async (t) => {
  const { as } = calm
  const answer = await as({ role: 'member' })('GET', '/v1/me/context')
  t.equal(answer.statusCode, 200)
  t.strictSame(regionContextSchema.parse(answer.json()), {
    user_id: idOf('ada'),
    org_id: idOf('acme'),
    region: 'in',
    role: 'member',
    permissions: ['records:read', 'records:write', 'organization:read'],
    support: false,
  })
})

t.test('every route but the health checks refuses the anonymous', async (t) => {
  const { app, as } = calm
  const routes = app
    .printRoutes({ commonPrefix: false, includeMeta: false })
    .split('\n')
    .flatMap((line) => {
      const [, path, methods] = /^\W*?(\/\S*|\*) \(([A-Z, ]+)\)/.exec(line) ?? []
      return path === undefined ? [] : (methods ?? '').split(', ').map((method) => ({ method, path }))
    })
  t.ok(routes.length >= 8, `${routes.length} routes`)
  for (const { path } of routes) t.notOk(newOrgSlugSchema.safeParse(path.split('/')[1]).success, `${path}: reserved`)
  const open = new Set(['/healthz', '/readyz', '*'])
  const id = idOf('record')
  const guarded = [
    ['GET', '/v1/records'],
    ['HEAD', '/v1/records'],
    ['POST', '/v1/records'],
    ['GET', `/v1/records/${id}`],
    ['HEAD', `/v1/records/${id}`],
    ['PATCH', `/v1/records/${id}`],
    ['DELETE', `/v1/records/${id}`],
    ['GET', '/v1/members'],
    ['HEAD', '/v1/members'],
    ['GET', '/v1/me/context'],
    ['HEAD', '/v1/me/context'],
  ] as const
  for (const [method, url] of guarded) {
    const answer = await app.inject({ method, url, headers: { host: 'localhost' } })
    t.equal(answer.statusCode, 401, `${method} ${url}`)
    t.equal(answer.headers['www-authenticate'], 'Bearer', `${method} ${url}`)
  }
  for (const { method, path } of routes.filter(({ path }) => !open.has(path))) {
    const answer = await app.inject({ method: method as 'GET', url: path, headers: { host: 'localhost' } })
    t.ok([401, 404, 405].includes(answer.statusCode), `${method} ${path}`)
  }
  for (const url of ['/', '/v1', '/v1/', '/v1/nothing', '/metrics', '/v1/records/a/b']) {
    const answer = await as()('GET', url)
    t.equal(answer.statusCode, 404, url)
    t.equal(problemSchema.parse(answer.json()).code, 'not_found')
  }
})

t.test("another region's token, and a token of another organization than the host's", async (t) => {
  const { as } = calm
  const us = await as({ aud: REGION_US.audience, region: 'us' })('GET', '/v1/records')
  t.equal(us.statusCode, 401)
  t.match(us.json(), { code: 'wrong_region', api_url: REGION_US.audience })
  const acme = as()
  t.equal((await acme('GET', '/v1/records', { headers: { host: TENANT_HOST } })).statusCode, 200)
  const globex = await acme('POST', '/v1/records', { headers: { host: OTHER_TENANT_HOST }, payload: { title: 'x' } })
  t.equal(globex.statusCode, 403)
  t.match(globex.json(), { code: 'tenant_mismatch' })
  const nowhere = await acme('GET', '/v1/records', { headers: { host: 'nowhere.example.com' } })
  t.equal(nowhere.statusCode, 404)
  t.match(nowhere.json(), { code: 'unknown_host' })
  t.strictSame(
    (await as({ org_id: idOf('globex') })('GET', '/v1/records')).json().records,
    [],
    'and nothing was written',
  )
})

await eachEngine(t, 'a region serves and restarts while the centre is away', async (t, makePlace) => {
  const centre = await startCentre(t)
  const place = await makePlace('region')
  const kept = place.embedded === undefined ? place : { embedded: { folder: await emptyDataFolder(t) } }
  const first = await startRegion(t, kept, { centre })
  const created = await first.as()('POST', '/v1/records', { payload: { title: 'kept' } })
  centre.away = true
  await Promise.all([first.deps.keys.refresh(), first.deps.hosts.refresh()])
  t.equal((await first.as()('GET', created.headers.location as string)).statusCode, 200, 'serving on')
  await first.stop()

  const second = await startRegion(t, kept, { centre })
  t.equal((await second.app.inject('/readyz')).statusCode, 200, 'ready from what it holds')
  const read = await second.as()('GET', created.headers.location as string, { headers: { host: TENANT_HOST } })
  t.equal(read.statusCode, 200)
  t.equal(read.json().title, 'kept')
  const mismatch = await second.as()('GET', '/v1/records', { headers: { host: OTHER_TENANT_HOST } })
  t.equal(mismatch.statusCode, 403, 'hosts are known too')
  const forged = makeSigningKey('k1').sign(regionClaims(second.clock.nowSeconds()))
  const refused = await second.app.inject({
    url: '/v1/records',
    headers: { host: 'localhost', authorization: `Bearer ${forged}` },
  })
  t.equal(refused.statusCode, 401, 'and bad tokens are still bad')
})

t.test('a fresh region without the centre listens, says that it is not ready, and signs nobody out', async (t) => {
  const centre = await startCentre(t)
  centre.away = true
  const { app, as, deps } = await startRegion(t, await embeddedPlace('region'), { centre })
  t.equal((await app.inject('/healthz')).statusCode, 200)
  const ready = await app.inject('/readyz')
  t.equal(ready.statusCode, 503)
  t.strictSame(ready.json().checks, { database: 'ok', keys: 'failed', isolation: 'ok' })
  const answer = await as()('GET', '/v1/records')
  t.equal(answer.statusCode, 503)
  t.match(answer.json(), { code: 'temporarily_unavailable' })
  t.ok(answer.headers['retry-after'])
  centre.away = false
  await Promise.all([deps.keys.refresh(), deps.hosts.refresh()])
  t.equal((await app.inject('/readyz')).statusCode, 200, 'and heals when the centre is back')
  t.equal((await as()('GET', '/v1/records')).statusCode, 200)
})

t.test('a rotated key is taken up, and the old one still verifies', async (t) => {
  const { centre, as, deps } = await startRegion(t, await embeddedPlace('region'))
  const old = as()
  centre.keys = [makeSigningKey('k2')]
  t.equal((await as()('GET', '/v1/records')).statusCode, 200, 'at the first request that brings it')
  await deps.keys.refresh()
  t.equal((await old('GET', '/v1/records')).statusCode, 200)
})

await onPostgresql(t, 'a database that is away is a 503, and comes back', async (t, makePlace) => {
  const { url = '' } = await makePlace('region')
  const link = await startLink(t, new URL(url))
  const { app, as } = await startRegion(t, { url: link.url })
  const call = as()
  const created = await call('POST', '/v1/records', { payload: { title: 'kept' } })
  link.cut()
  for (const method of ['GET', 'DELETE']) {
    const answer = await call(method, created.headers.location as string)
    t.equal(answer.statusCode, 503, method)
    t.match(answer.json(), { code: 'temporarily_unavailable' }, method)
    t.ok(answer.headers['retry-after'], method)
  }
  t.equal((await app.inject('/readyz')).statusCode, 503)
  t.equal((await app.inject('/healthz')).statusCode, 200)
  t.equal((await call('GET', '/v1/me/context')).statusCode, 200, 'who needs no database is served')
  link.mend()
  t.equal((await call('GET', created.headers.location as string)).statusCode, 200)
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('lost isolation takes the region out of service', async (t) => {
  const { app, database } = await startRegion(t, await embeddedPlace('region'))
  t.equal((await app.inject('/readyz')).statusCode, 200)
  await database.sql({ name: 'lose', text: 'CREATE POLICY generous ON isolation_probe USING (true)' }, [])
  const ready = await app.inject('/readyz')
  t.equal(ready.statusCode, 503)
  t.strictSame(ready.json().checks, { database: 'ok', keys: 'ok', isolation: 'failed' })
})

t.test('browsers of listed origins may call with a bearer token, and never with credentials', async (t) => {
  const { app, as } = calm
  const preflight = (from: string) =>
    app.inject({
      method: 'OPTIONS',
      url: '/v1/records',
      headers: {
        host: 'localhost',
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
  const allowed = await preflight(origin)
  t.equal(allowed.statusCode, 204)
  t.equal(allowed.headers['access-control-allow-origin'], origin)
  t.equal(allowed.headers['access-control-allow-credentials'], undefined)
  t.match(allowed.headers['access-control-allow-headers'], /authorization/)
  t.match(allowed.headers['vary'], /origin/i)
  for (const other of [
    'https://evil.example.com',
    'https://app.example.com.evil.test',
    'null',
    'http://app.example.com',
  ]) {
    t.equal((await preflight(other)).headers['access-control-allow-origin'], undefined, other)
    const answer = await as()('GET', '/v1/records', { headers: { origin: other } })
    t.equal(answer.headers['access-control-allow-origin'], undefined, other)
  }
  const answer = await as()('GET', '/v1/records', { headers: { origin } })
  t.equal(answer.headers['access-control-allow-origin'], origin)
  t.match(answer.headers['access-control-expose-headers'], /etag/i)
  const refused = await app.inject({ url: '/v1/records', headers: { host: 'localhost', origin } })
  t.strictSame(
    [refused.statusCode, refused.headers['access-control-allow-origin']],
    [401, origin],
    'refusals can be read too',
  )
})

t.test('the host map is fetched with a client token, which is kept until it ends', async (t) => {
  const { centre, clock, deps } = await startRegion(t, await embeddedPlace('region'))
  const asked = (path: string) => centre.requests.filter((request) => request.path === path)
  await deps.hosts.refresh()
  await deps.hosts.refresh()
  t.equal(asked('/oauth/token').length, 1)
  t.ok(asked('/v1/regions/in/hosts?form=2').length >= 3)
  const [request] = asked('/oauth/token')
  t.equal(request?.body, 'grant_type=client_credentials')
  const credentials = Buffer.from(request?.authorization?.slice('Basic '.length) ?? '', 'base64').toString()
  const [id = '', secret = ''] = credentials.split(':').map((part) => new URLSearchParams(`x=${part}`).get('x') ?? '')
  t.strictSame([id, secret], ['region-in', CLIENT_SECRET], 'each half form-encoded (RFC 6749 §2.3.1)')
  clock.advanceSeconds(541)
  await deps.hosts.refresh()
  t.equal(asked('/oauth/token').length, 2, 'renewed before it ends')
  centre.clientTokens.clear()
  centre.hosts = { ...centre.hosts, 'new.in.example.com': 'acme' }
  await deps.hosts.refresh()
  t.equal(asked('/oauth/token').length, 3, 'renewed when it is no longer taken')
  t.match(deps.hosts.resolve('new.in.example.com'), { kind: 'tenant', orgId: idOf('acme') })
})

t.test('no secret reaches the log', async (t) => {
  const { app, as, sign, lines, centre, deps } = await startRegion(t, await embeddedPlace('region'))
  const token = sign()
  const call = as()
  await call('POST', '/v1/records', { payload: { title: 'canary-title', body: 'canary-body' } })
  await call('POST', '/v1/records', { payload: { title: '', secret: 'canary-field' } })
  await call('GET', `/v1/records?access_token=${token}&x=canary-query`)
  await app.inject({ url: '/v1/records', headers: { host: 'localhost', authorization: `Bearer ${token}x` } })
  await app.inject({
    url: '/v1/records',
    headers: { host: 'localhost', cookie: `token=${token}`, authorization: 'Basic Y2FuYXJ5' },
  })
  centre.away = true
  await Promise.all([deps.keys.refresh(), deps.hosts.refresh()])
  const log = lines.join('\n')
  t.ok(lines.length > 5)
  t.match(log, /"user_id"/, 'ids are there')
  for (const secret of [token, token.split('.')[2] ?? '', CLIENT_SECRET, 'client-token-0', 'canary', 'Y2FuYXJ5']) {
    t.notOk(log.includes(secret), secret.slice(0, 20))
  }
  for (const line of lines) t.doesNotThrow(() => JSON.parse(line))
})

t.test('every answer carries the headers of safety', async (t) => {
  const { app, as } = calm
  const answers = [
    await as()('GET', '/v1/records'),
    await as()('GET', '/v1/nothing'),
    await app.inject({ url: '/v1/records', headers: { host: 'localhost' } }),
    await app.inject({ url: '/v1/records', headers: { host: 'nowhere.test' } }),
    await app.inject('/healthz'),
    await as()('POST', '/v1/records', { payload: {} }),
  ]
  for (const { headers, statusCode } of answers) {
    t.match(headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }, String(statusCode))
    t.ok(headers['content-security-policy'] && headers['x-request-id'])
  }
})
