import { parseInput } from '@meridian/service-kit/request-input'
import { AUTH_BODY_MAX_BYTES, createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { z } from 'zod'
import { capturedLog } from './captured-log.ts'

const bodySchema = z.strictObject({ name: z.string() })

function buildApp(reached: { count: number }) {
  const app = createServer({ logger: capturedLog().logger, trustProxy: false })
  app.post('/things', async (request) => {
    reached.count++
    return parseInput(bodySchema, request.body)
  })
  app.post('/login', { bodyLimit: AUTH_BODY_MAX_BYTES }, async () => ({}))
  app.get('/search', async (request) => request.query)
  return app
}

t.test('a well-formed JSON content type is read, with or without a charset', async (t) => {
  const app = buildApp({ count: 0 })
  t.teardown(() => app.close())
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="utf-8"']) {
    const reply = await app.inject({
      method: 'POST',
      url: '/things',
      headers: { 'content-type': type },
      payload: '{"name":"a"}',
    })
    t.strictSame([reply.statusCode, reply.json()], [200, { name: 'a' }], type)
  }
})

t.test('any other content type is refused before the handler runs', async (t) => {
  const reached = { count: 0 }
  const app = buildApp(reached)
  t.teardown(() => app.close())
  const types = [
    'application/json garbage',
    'application/json;garbage',
    'application/json; charset',
    ' application/json',
    '\tapplication/json',
    'application/json\t',
    'application/json,text/plain',
    'application/json a=b',
    'application /json',
    'application/',
    'json',
    'text/plain',
    'text/plain; application/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '*/*',
    '',
  ]
  for (const type of types) {
    const reply = await app.inject({
      method: 'POST',
      url: '/things',
      headers: { 'content-type': type },
      payload: '{"name":1}',
    })
    t.equal(reply.statusCode, 415, JSON.stringify(type))
    t.equal(reply.json().code, 'unsupported_media_type', JSON.stringify(type))
  }
  const missing = await app.inject({ method: 'POST', url: '/things', payload: Buffer.from('{"name":1}') })
  t.equal(missing.statusCode, 415, 'missing')
  t.equal(reached.count, 0)
})

t.test('over a socket, a repeated content type is refused and outer whitespace is no part of the value', async (t) => {
  const reached = { count: 0 }
  const app = buildApp(reached)
  t.teardown(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const repeated = await postWith(url, ['application/json', 'text/plain'])
  t.equal(repeated, 415)
  t.equal(reached.count, 0)
  t.equal(await postWith(url, ['  application/json ']), 400, 'read as JSON, and validated')
})

async function postWith(url: string, contentTypes: readonly string[]): Promise<number | undefined> {
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const payload = '{"name":1}'
    const raw = contentTypes.flatMap((type) => ['content-type', type])
    const headers = ['host', new URL(url).host, 'content-length', String(payload.length), 'connection', 'close', ...raw]
    const sent = request(`${url}/things`, { method: 'POST', headers }, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode))
    })
    sent.on('error', reject)
    sent.end(payload)
  })
}

t.test('a body that fails validation names each field, and unknown ones', async (t) => {
  const app = buildApp({ count: 0 })
  t.teardown(() => app.close())
  const reply = await app.inject({ method: 'POST', url: '/things', payload: { name: 1, 'a/b~c': 'secret-value' } })
  t.match(reply.json(), {
    status: 400,
    code: 'invalid_request',
    errors: [{ pointer: '/name' }, { pointer: '/a~1b~0c', detail: 'Unknown field' }],
  })
  t.notMatch(reply.body, 'secret-value')
  const flood = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`.repeat(99), 1]))
  const flooded = await app.inject({ method: 'POST', url: '/things', payload: flood })
  t.equal(flooded.json().errors.length, 20)
  t.ok(flooded.body.length < 8_000)
})

t.test('a body that would reach a prototype is refused', async (t) => {
  const app = buildApp({ count: 0 })
  t.teardown(() => app.close())
  for (const payload of ['{"name":"a","__proto__":{"x":1}}', '{"name":"a","constructor":{"prototype":{"x":1}}}']) {
    const headers = { 'content-type': 'application/json' }
    const reply = await app.inject({ method: 'POST', url: '/things', headers, payload })
    t.equal(reply.statusCode, 400, payload)
    t.match(reply.json(), { code: 'invalid_request', detail: 'The body is not valid JSON' })
  }
})

t.test('bodies have a limit, a lower one where credentials are taken', async (t) => {
  const app = buildApp({ count: 0 })
  t.teardown(() => app.close())
  const sized = (bytes: number) => JSON.stringify({ name: 'x'.repeat(bytes - 11) })
  const post = async (url: string, payload: string) =>
    (await app.inject({ method: 'POST', url, headers: { 'content-type': 'application/json' }, payload })).statusCode
  t.equal(await post('/things', sized(256 * 1024)), 200)
  t.equal(await post('/things', sized(256 * 1024 + 1)), 413)
  t.equal(await post('/login', sized(AUTH_BODY_MAX_BYTES)), 200)
  t.equal(await post('/login', sized(AUTH_BODY_MAX_BYTES + 1)), 413)
})

t.test('a repeated query parameter is a list, never the last one, and touches no prototype', async (t) => {
  const app = buildApp({ count: 0 })
  t.teardown(() => app.close())
  const reply = await app.inject({ method: 'GET', url: '/search?a=1&a=2&b=3;c=4&__proto__=x' })
  t.match(reply.json(), { a: ['1', '2'], b: '3;c=4' })
  t.equal(Object.hasOwn(Object.prototype, 'x'), false)
})
