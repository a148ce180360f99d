import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { capturedLog } from './captured-log.ts'

const EXPECTED = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
}

function buildApp() {
  const app = createServer({
    logger: capturedLog().logger,
    trustProxy: false,
    limits: { handlerTimeoutMs: 30, bodyMaxBytes: 64 },
  })
  app.get('/things/:id', async () => ({ ok: true }))
  app.post('/things/:id', async (request) => ({ got: request.body }))
  app.get('/broken', async () => {
    throw new Error('secret reason')
  })
  app.get('/slow', (request) => new Promise((resolve) => request.signal.addEventListener('abort', () => resolve({}))))
  app.get('/cached', async (_request, reply) =>
    reply
      .headers({
        'cache-control': 'public, max-age=300',
        'content-security-policy': "default-src 'self'",
        'cross-origin-resource-policy': 'cross-origin',
      })
      .send({}),
  )
  app.get('/cached-then-broken', async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=300')
    throw new Error('too late')
  })
  return app
}

type Case = {
  method: 'GET' | 'POST' | 'HEAD' | 'OPTIONS' | 'TRACE' | 'DELETE'
  url: string
  payload?: string
  type?: string
}
const json = 'application/json'
const cases: readonly (Case & { status: number; code?: string })[] = [
  { method: 'GET', url: '/things/1', status: 200 },
  { method: 'HEAD', url: '/things/1', status: 200 },
  { method: 'POST', url: '/things/1', type: json, payload: '{"a":1}', status: 200 },
  { method: 'GET', url: '/nowhere', status: 404, code: 'not_found' },
  { method: 'GET', url: '/%zz', status: 400, code: 'invalid_request' },
  { method: 'GET', url: `/things/${'x'.repeat(300)}`, status: 414, code: 'invalid_request' },
  { method: 'DELETE', url: '/things/1', status: 405, code: 'method_not_allowed' },
  { method: 'OPTIONS', url: '/things/1', status: 405, code: 'method_not_allowed' },
  { method: 'TRACE', url: '/things/1', status: 405, code: 'method_not_allowed' },
  { method: 'TRACE', url: '/nowhere', status: 405, code: 'method_not_allowed' },
  { method: 'POST', url: '/things/1', type: json, payload: '{', status: 400, code: 'invalid_request' },
  { method: 'POST', url: '/things/1', type: json, payload: '', status: 400, code: 'invalid_request' },
  {
    method: 'POST',
    url: '/things/1',
    type: json,
    payload: `"${'x'.repeat(99)}"`,
    status: 413,
    code: 'payload_too_large',
  },
  { method: 'POST', url: '/things/1', type: 'text/plain', payload: 'x', status: 415, code: 'unsupported_media_type' },
  { method: 'GET', url: '/broken', status: 500, code: 'internal' },
  { method: 'GET', url: '/slow', status: 503, code: 'temporarily_unavailable' },
]

t.test('every answer carries the security headers, whatever its status', async (t) => {
  const app = buildApp()
  t.teardown(() => app.close())
  for (const { method, url, payload, type, status, code } of cases) {
    const reply = await app.inject({
      method: method as 'GET',
      url,
      headers: type === undefined ? {} : { 'content-type': type },
      ...(payload === undefined ? {} : { payload }),
    })
    const title = `${method} ${url.slice(0, 30)} ${status}`
    t.equal(reply.statusCode, status, title)
    t.match(reply.headers, { ...EXPECTED, 'x-request-id': /^[\w-]{22}$/ }, title)
    t.notOk(reply.headers['server'] ?? reply.headers['x-powered-by'], title)
    if (code === undefined || method === 'HEAD') continue
    t.equal(reply.headers['content-type'], 'application/problem+json', title)
    t.match(reply.json(), { type: 'about:blank', status, code, request_id: reply.headers['x-request-id'] }, title)
    t.notMatch(reply.body, 'secret reason')
  }
})

t.test('405 names what is allowed and 503 says when to come back', async (t) => {
  const app = buildApp()
  t.teardown(() => app.close())
  const refused = await app.inject({ method: 'DELETE', url: '/things/1?x=1' })
  t.equal(refused.headers['allow'], 'GET, HEAD, POST')
  const late = await app.inject({ method: 'GET', url: '/slow' })
  t.equal(late.headers['retry-after'], '1')
})

t.test('a route may say how it is cached and framed, and an error takes the caching back', async (t) => {
  const app = buildApp()
  t.teardown(() => app.close())
  const cached = await app.inject({ method: 'GET', url: '/cached' })
  t.match(cached.headers, {
    'cache-control': 'public, max-age=300',
    'content-security-policy': "default-src 'self'",
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
  })
  const broken = await app.inject({ method: 'GET', url: '/cached-then-broken' })
  t.equal(broken.headers['cache-control'], 'no-store')
})

t.test('request ids are ours: injected randomness, never a header', async (t) => {
  let calls = 0
  const randomBytes = (bytes: number) => new Uint8Array(bytes).fill(++calls)
  const app = createServer({ logger: capturedLog().logger, trustProxy: false, randomBytes })
  t.teardown(() => app.close())
  const headers = { 'x-request-id': 'mine', 'request-id': 'mine' }
  const reply = await app.inject({ method: 'GET', url: '/', headers })
  t.equal(reply.headers['x-request-id'], Buffer.alloc(16, 1).toString('base64url'))
  t.notMatch(reply.body, 'mine')
})

t.test('what is not HTTP is answered with the headers and the socket closed', async (t) => {
  const app = createServer({
    logger: capturedLog().logger,
    trustProxy: false,
    limits: { headersTimeoutMs: 50, requestTimeoutMs: 50, timeoutCheckIntervalMs: 10 },
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const requests: readonly (readonly [string, number])[] = [
    ['nonsense\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
    ['GET / HTTP/1.1\r\nhost: a\r\n', 408],
    ['POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n', 400],
    ['GET / HTTP/1.0\r\n\r\n', 404],
  ]
  for (const [request, status] of requests) {
    const answer = (await exchange(port, request)).toLowerCase()
    t.match(answer, new RegExp(`^http/1\\.1 ${status} `), request.slice(0, 60))
    for (const [name, value] of Object.entries(EXPECTED)) t.ok(answer.includes(`${name}: ${value}`.toLowerCase()), name)
  }
})

function exchange(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(request))
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? undefined : reject(error)))
    socket.on('close', () => resolve(answer))
  })
}
