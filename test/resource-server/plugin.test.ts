import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { problemSchema } from '@meridian/protocol/problem'
import { resourceServer } from '@meridian/resource-server/plugin'
import { type FastifyInstance, fastify } from 'fastify'
import t, { type Test } from 'tap'
import { NEUTRAL_HOST, OTHER_TENANT_HOST, setUpApi, TENANT_HOST } from './guarded-api.ts'
import { idOf, makeSigningKey, REGION_US, regionClaims } from './region-issuer.ts'

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>

const NO_TOKEN = 'Bearer'
const BAD_TOKEN = 'Bearer error="invalid_token", error_description="The access token is invalid or expired"'

function isRefused(t: Test, answer: Answer, status: number, code: string, title: string) {
  t.equal(answer.statusCode, status, title)
  t.equal(answer.headers['content-type'], 'application/problem+json', title)
  t.equal(answer.headers['cache-control'], 'no-store', title)
  const problem = problemSchema.parse(answer.json())
  t.match(problem, { code, status }, title)
  t.notMatch(answer.body, /stack|node_modules|Error:/, title)
  return problem
}

t.test('a good token is admitted and becomes the context', async (t) => {
  const { getAs, sign } = await setUpApi(t)
  const answer = await getAs(sign({ scope: 'openid  reports' }))
  t.equal(answer.statusCode, 200)
  t.strictSame(answer.json(), {
    context: {
      userId: idOf('ada'),
      actorId: null,
      orgId: idOf('acme'),
      region: 'in',
      role: 'manager',
      sessionId: idOf('session of ada'),
      clientId: 'spa',
      membershipId: idOf('ada in acme'),
      scope: ['openid', 'reports'],
    },
  })
})

t.test('no token and bad tokens get the challenges of RFC 6750', async (t) => {
  const { get, sign, key, clock, handled } = await setUpApi(t)
  isRefused(t, await get('/me'), 401, 'missing_token', 'none')
  t.equal((await get('/me')).headers['www-authenticate'], NO_TOKEN)
  for (const authorization of ['Basic YTpi', 'DPoP abc', 'Bearerx', '', ' ']) {
    isRefused(t, await get('/me', { authorization }), 401, 'missing_token', authorization)
  }
  const token = sign()
  const bad = [
    'Bearer',
    'Bearer ',
    'Bearer a b',
    `Bearer ${token},`,
    `Bearer ${token} ${token}`,
    `Bearer "${token}"`,
    `Bearer\t${token}`,
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Bearer ${makeSigningKey('k1').sign(regionClaims(clock.nowSeconds()))}`,
    `Bearer ${key.sign(regionClaims(clock.nowSeconds()), { kid: 'k2' })}`,
    `Bearer ${sign({ role: 'owner' })}`,
  ]
  const bodies = new Set<string>()
  for (const authorization of bad) {
    const answer = await get('/me', { authorization })
    const { request_id: _, ...problem } = isRefused(t, answer, 401, 'invalid_token', authorization)
    t.equal(answer.headers['www-authenticate'], BAD_TOKEN)
    bodies.add(JSON.stringify(problem))
  }
  t.equal(bodies.size, 1, 'one public text whatever the reason')
  t.strictSame(handled, [], 'no handler ran')
  for (const scheme of ['bearer', 'BEARER', 'bEaReR ']) {
    t.equal((await get('/me', { authorization: `${scheme} ${token}` })).statusCode, 200, scheme)
  }
})

t.test('a token anywhere but in the header is not looked at', async (t) => {
  const { app, sign } = await setUpApi(t)
  const token = sign()
  const headers = { host: NEUTRAL_HOST, cookie: `access_token=${token}; token=${token}`, 'x-access-token': token }
  isRefused(
    t,
    await app.inject({ url: `/me?access_token=${token}`, headers }),
    401,
    'missing_token',
    'query and cookie',
  )
  const body = await app.inject({ method: 'POST', url: '/records', headers, payload: { access_token: token } })
  isRefused(t, body, 401, 'missing_token', 'body')
})

t.test('roles, permissions and scopes admit whom they name', async (t) => {
  const { getAs, get, sign } = await setUpApi(t)
  for (const [role, read, write, staff] of [
    ['manager', 200, 200, 200],
    ['member', 200, 200, 200],
    ['viewer', 200, 403, 403],
  ] as const) {
    const authorization = `Bearer ${sign({ role })}`
    t.equal((await get('/records', { authorization })).statusCode, read)
    t.equal((await get('/records', { authorization }, 'POST')).statusCode, write)
    t.equal((await get('/staff', { authorization })).statusCode, staff)
  }
  isRefused(
    t,
    await get('/records', { authorization: `Bearer ${sign({ role: 'viewer' })}` }, 'POST'),
    403,
    'access_denied',
    'viewer',
  )
  for (const scope of ['', 'openid', 'report', 'reports:all', 'xreports']) {
    const answer = await getAs(sign({ scope }), '/scoped')
    isRefused(t, answer, 403, 'access_denied', scope)
    t.equal(answer.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="reports"')
  }
  t.equal((await getAs(sign({ scope: 'openid reports' }), '/scoped')).statusCode, 200)
})

t.test("another region's token is told where to go", async (t) => {
  const { getAs, sign, clock } = await setUpApi(t)
  const answer = await getAs(sign({ aud: REGION_US.audience, region: 'us' }))
  const problem = isRefused(t, answer, 401, 'wrong_region', 'us')
  t.equal(problem['api_url'], REGION_US.audience)
  t.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token"/)
  const forged = makeSigningKey('k1').sign(regionClaims(clock.nowSeconds(), { aud: 'http://evil.test', region: 'us' }))
  t.notMatch((await getAs(forged)).body, 'evil', 'a forged one tells nobody anything')
})

t.test('a tenant host is for its own organization, a neutral host for any', async (t) => {
  const { getAs, sign, handled } = await setUpApi(t)
  const acme = sign()
  for (const host of [
    TENANT_HOST,
    `${TENANT_HOST.toUpperCase()}:4101`,
    `${TENANT_HOST}.`,
    NEUTRAL_HOST,
    'localhost:4101',
  ]) {
    t.equal((await getAs(acme, '/me', { host })).statusCode, 200, host)
  }
  handled.length = 0
  isRefused(t, await getAs(acme, '/me', { host: OTHER_TENANT_HOST }), 403, 'tenant_mismatch', 'another tenant’s host')
  t.equal((await getAs(sign({ org_id: idOf('globex') }), '/me', { host: OTHER_TENANT_HOST })).statusCode, 200)
  handled.length = 0
  for (const host of [
    'evil.test',
    `${TENANT_HOST}.evil.test`,
    `user@${TENANT_HOST}`,
    `${TENANT_HOST},${NEUTRAL_HOST}`,
  ]) {
    isRefused(t, await getAs(acme, '/me', { host }), 404, 'unknown_host', host)
  }
  t.strictSame(handled, [])
})

t.test('an unknown host is unknown to everybody, before any token is read', async (t) => {
  const { get } = await setUpApi(t)
  isRefused(t, await get('/me', { host: 'evil.test' }), 404, 'unknown_host', 'anonymous')
  isRefused(t, await get('/me', { host: OTHER_TENANT_HOST }), 401, 'missing_token', 'a known one, anonymous')
  t.equal((await get('/open', { host: '10.1.2.3:4101' })).statusCode, 200, 'public routes answer on any host')
})

t.test('forwarded hosts count only behind a trusted proxy', async (t) => {
  const direct = await setUpApi(t)
  const forwarded = { 'x-forwarded-host': TENANT_HOST, forwarded: `host=${TENANT_HOST}` }
  isRefused(
    t,
    await direct.getAs(direct.sign(), '/me', { host: OTHER_TENANT_HOST, ...forwarded }),
    403,
    'tenant_mismatch',
    'direct',
  )
  const trusting = await setUpApi(t, { server: { trustProxy: ['127.0.0.1'] } })
  t.equal((await trusting.getAs(trusting.sign(), '/me', { host: 'upstream', ...forwarded })).statusCode, 200)
  const distrusting = await setUpApi(t, { server: { trustProxy: ['10.0.0.1'] } })
  const answer = await distrusting.getAs(distrusting.sign(), '/me', { host: OTHER_TENANT_HOST, ...forwarded })
  isRefused(t, answer, 403, 'tenant_mismatch', 'not that proxy')
})

t.test('a revocation refuses tokens that were already admitted', async (t) => {
  const { getAs, sign, revocations } = await setUpApi(t)
  const token = sign()
  t.equal((await getAs(token)).statusCode, 200)
  t.equal((await getAs(token)).statusCode, 200, 'from the cache')
  revocations.apply({ kind: 'session', sid: idOf('session of ada') } as never)
  isRefused(t, await getAs(token), 401, 'invalid_token', 'the cached one')
  t.equal((await getAs(sign({ sid: idOf('another session') }))).statusCode, 200, 'another session lives on')
  revocations.apply({ kind: 'organization', org_id: idOf('acme'), status: 'maintenance', version: 2 } as never)
  const answer = await getAs(sign({ sid: idOf('another session') }))
  isRefused(t, answer, 503, 'tenant_maintenance', 'maintenance')
  t.equal(answer.headers['retry-after'], '30')
})

t.test('a route that asks for fresh news is closed on old ones, and others are not', async (t) => {
  const routes = (app: FastifyInstance) => {
    app.get('/me', { config: { guard: 'authenticated' } }, async () => ({}))
    app.get('/fresh', { config: { guard: { fresh: true } } }, async () => ({}))
    app.get('/manage', { config: { guard: { role: ['manager'], fresh: true } } }, async () => ({}))
  }
  let stale = 60
  const { getAs, sign } = await setUpApi(t, { routes, admission: { freshness: { staleSeconds: () => stale } } })
  for (const url of ['/fresh', '/manage']) t.equal((await getAs(sign(), url)).statusCode, 200, url)
  isRefused(t, await getAs(sign({ role: 'viewer' }), '/manage'), 403, 'access_denied', 'still guarded')
  for (stale of [60.1, Number.POSITIVE_INFINITY, Number.NaN]) {
    for (const url of ['/fresh', '/manage'])
      isRefused(t, await getAs(sign(), url), 503, 'temporarily_unavailable', `${url} after ${stale} s`)
    t.equal((await getAs(sign(), '/me')).statusCode, 200, 'others are not')
  }
  const unfed = await setUpApi(t, { routes })
  isRefused(t, await unfed.getAs(unfed.sign(), '/fresh'), 503, 'temporarily_unavailable', 'without any news')
})

t.test('a cached token ends with its lifetime', async (t) => {
  const { getAs, sign, clock } = await setUpApi(t)
  const token = sign()
  t.equal((await getAs(token)).statusCode, 200)
  clock.advanceSeconds(629)
  t.equal((await getAs(token)).statusCode, 200, 'within the leeway')
  clock.advanceSeconds(1)
  isRefused(t, await getAs(token), 401, 'invalid_token', 'after it')
})

t.test('what fails on the way refuses: nothing is let in by accident', async (t) => {
  const broken = () => {
    throw new Error('secret detail')
  }
  const parts = {
    revocations: { check: broken },
    hosts: { resolve: broken },
    keys: { find: broken, discover: broken, ready: broken },
    nowMs: broken,
  }
  for (const [name, part] of Object.entries(parts)) {
    const { getAs, sign, handled } = await setUpApi(t, { admission: { [name]: part } })
    const answer = await getAs(sign())
    isRefused(t, answer, 503, 'temporarily_unavailable', name)
    t.notMatch(answer.body, 'secret', name)
    t.strictSame(handled, [], `${name}: no handler ran`)
  }
})

t.test('without any key a plausible token gets 503, a bad one 401', async (t) => {
  const { get, getAs, sign } = await setUpApi(t, { published: false })
  const answer = await getAs(sign())
  isRefused(t, answer, 503, 'temporarily_unavailable', 'plausible')
  t.equal(answer.headers['retry-after'], '1')
  isRefused(t, await getAs('garbage'), 401, 'invalid_token', 'garbage')
  isRefused(t, await get('/me'), 401, 'missing_token', 'none')
})

t.test('no token makes the region fetch anything but its key set, and that rarely', async (t) => {
  const { getAs, key, clock, fetched } = await setUpApi(t)
  const outbound: unknown[] = []
  const { fetch } = globalThis
  globalThis.fetch = (async (url: unknown) => outbound.push(url)) as never
  t.teardown(() => {
    globalThis.fetch = fetch
  })
  for (let count = 0; count < 50; count += 1) {
    const header = { kid: `made-up-${count}`, jku: undefined }
    await getAs(key.sign(regionClaims(clock.nowSeconds()), header))
    await getAs(key.sign(regionClaims(clock.nowSeconds()), { jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' }))
  }
  t.equal(fetched.count, 2, 'one at the start, one for fifty unknown keys')
  t.strictSame(outbound, [])
})

t.test('a route without a valid guard stops the start and is named', async (t) => {
  const guards = {
    missing: undefined,
    misspelt: 'pubic',
    empty: {},
    null: null,
    'an unknown permission': { permission: 'records:raed' },
    'an unknown role': { role: ['owner'] },
    'no role': { role: [] },
    'an unknown condition': { permission: 'records:read', rle: ['manager'] },
    'a scope with a space': { scope: 'a b' },
  }
  for (const [name, guard] of Object.entries(guards)) {
    const routes = (app: FastifyInstance) => {
      app.get('/forgotten', { config: { guard: guard as never } }, async () => 'served')
    }
    const { app } = await setUpApi(t, { routes })
    await t.rejects(Promise.resolve(app.ready()), /GET \/forgotten/, name)
  }
})

t.test('a route from before the plugin does not exist', async (t) => {
  const { keys, hosts, revocations, clock } = await setUpApi(t)
  const app = fastify()
  t.teardown(() => app.close())
  app.get('/early', async () => 'served')
  await app.register(resourceServer, {
    expectations: { issuer: 'x', audience: 'x', region: 'x', leewaySeconds: 30 },
    keys,
    hosts,
    revocations,
    nowMs: clock.nowMs,
    cachedTokensMax: 1,
  })
  isRefused(t, await app.inject({ url: '/early', headers: { host: NEUTRAL_HOST } }), 404, 'not_found', 'early')
})

t.test('every route refuses the anonymous, but for those declared public', async (t) => {
  const seen: { method: string; url: string; guard: unknown }[] = []
  const { app, handled } = await setUpApi(t)
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) seen.push({ method, url: route.url, guard: route.config?.guard })
  })
  await app.ready()
  t.ok(seen.length > 15, `${seen.length} routes`)
  t.ok(
    seen.some(({ method }) => method === 'HEAD'),
    'with the HEAD routes that Fastify derives',
  )
  for (const { method, url, guard } of seen) {
    const answer = await app.inject({
      method: method as 'GET',
      url: url.replace(':id', idOf('record')).replace('*', 'a/b'),
      headers: { host: NEUTRAL_HOST },
    })
    t.equal(answer.statusCode, guard === 'public' ? 200 : 401, `${method} ${url}`)
    if (guard !== 'public') t.equal(answer.headers['www-authenticate'], NO_TOKEN, `${method} ${url}`)
  }
  t.strictSame(handled, [])
})

t.test('no spelling of a path gets around the guard', async (t) => {
  const { app, handled, sign } = await setUpApi(t, {
    server: { routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true } },
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const send = (method: string, target: string, headers: string[] = []) => sendRaw(port, method, target, headers)
  const targets = [
    '/records',
    '//records',
    '/records/',
    '/records//',
    '/./records',
    '/open/../records',
    '/open/%2e%2e/records',
    '/open/..%2frecords',
    '/open;/../records',
    '/records;x=1',
    '/records%2f1',
    '/records/%2e%2e/records/1',
    '/%72ecords',
    '/RECORDS',
    '/records%00',
    '/records?x=/open',
    '/records#/open',
    '/records/1;jsessionid=1',
    '/nested/../open',
    '/nested/%2e%2e/%2e%2e/records',
    'http://localhost/records',
    'http://localhost//records',
    'HTTP://localhost/records',
    '/records\\..\\open',
    '*',
  ]
  for (const target of targets) {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE', 'PUT', 'QUERY']) {
      const status = await send(method, target)
      t.ok([400, 401, 404, 405].includes(status), `${method} ${target}: ${status}`)
    }
  }
  t.strictSame(handled, [], 'no handler ran')
  const authorization = `authorization: Bearer ${sign()}`
  t.equal(await send('GET', '/records', [authorization]), 200, 'while the rightful one gets through')
  t.equal(await send('GET', 'http://localhost/records', [authorization]), 200, 'an absolute target of this host')
  t.equal(await send('GET', `http://${TENANT_HOST}/records`, [authorization]), 400, 'an absolute target of another')
  t.equal(await send('GET', 'http://user@localhost/records', [authorization]), 200, 'userinfo changes no host')
})

t.test('headers that could be read in two ways are refused', async (t) => {
  const { app, sign, handled } = await setUpApi(t)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const good = `authorization: Bearer ${sign()}`
  t.equal(await sendRaw(port, 'GET', '/records', [good]), 200)
  handled.length = 0
  t.equal(await sendRaw(port, 'GET', '/records', [good, good]), 401, 'two Authorization headers')
  t.equal(await sendRaw(port, 'GET', '/records', [good, 'AUTHORIZATION: Basic YTpi']), 401)
  t.equal(await sendRaw(port, 'GET', '/records', [good, `host: ${TENANT_HOST}`]), 400, 'two Host headers')
  t.equal(await sendRaw(port, 'GET', '/records', [good, 'host: localhost']), 400, 'the same Host twice')
  t.strictSame(handled, [])
})

t.test('a path that does not exist tells nothing', async (t) => {
  const { get, getAs, sign } = await setUpApi(t)
  for (const url of ['/nowhere', '/records/1/2', '/open/x']) {
    const answer = await get(url)
    isRefused(t, answer, 404, 'not_found', url)
    t.notMatch(answer.body, url)
    isRefused(t, await getAs(sign(), url), 404, 'not_found', `${url} with a token`)
  }
})

t.test('a public route has no context to read', async (t) => {
  const { get } = await setUpApi(t, {
    routes: (app) => {
      app.get('/open', { config: { guard: 'public' } }, async (request) => ({ context: request.context }))
    },
  })
  t.equal((await get('/open')).statusCode, 500)
})

/** Sends bytes that no HTTP client would, and reads the status. */
function sendRaw(port: number, method: string, target: string, headers: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      const lines = [`${method} ${target} HTTP/1.1`, 'host: localhost', 'connection: close', ...headers, '', '']
      socket.write(lines.join('\r\n'))
    })
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(Number(answer.split(' ')[1])))
  })
}
