import { createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { capturedLog } from './captured-log.ts'

const SECRET_NAMES = [
  'authorization',
  'cookie',
  'set-cookie',
  'refresh_token',
  'access_token',
  'id_token',
  'subject_token',
  'code',
  'authorization_code',
  'otp',
  'auth_session',
  'code_verifier',
  'client_secret',
  'client_assertion',
  'password',
  'email',
  'contact',
]
const CANARY = 'canary7c21'

t.test('nothing that is secret by its name is written, at any depth, in any spelling', async (t) => {
  const log = capturedLog()
  for (const name of SECRET_NAMES) {
    const camel = name.replace(/[-_](.)/g, (_match, letter: string) => letter.toUpperCase())
    for (const spelling of [name, name.toUpperCase(), camel]) {
      const secret = { [spelling]: `${CANARY}-${name}` }
      log.logger.info(secret, 'top')
      log.logger.info({ request: { headers: secret, list: [{ inner: [secret] }] } }, 'deep')
      log.logger.child({ bound: secret, ...secret }).info('bound')
      log.logger.error({ err: Object.assign(new Error('failed', { cause: secret }), { response: secret, ...secret }) })
      log.logger.error({ failure: Object.assign(new Error('failed'), { config: secret }) })
    }
  }
  t.equal(log.lines().length, SECRET_NAMES.length * 3 * 5)
  const leaks = SECRET_NAMES.filter((name) => name !== 'code' && log.text().includes(`${CANARY}-${name}`))
  t.strictSame(leaks, [])
  t.match(log.text(), '[redacted]')
})

t.test('an error keeps its own code, and a field called code does not', async (t) => {
  const log = capturedLog()
  log.logger.error({ err: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), code: '123456' }, 'failed')
  t.match(log.lines()[0], { err: { code: 'ECONNREFUSED', message: 'no', stack: /logger\.test/ }, code: '[redacted]' })
})

t.test('harmless fields are written as they are', async (t) => {
  const log = capturedLog()
  log.logger.info({ org_id: 'o', count: 3, nothing: null, at: new Date(0), bytes: new Uint8Array(32) }, 'said')
  t.match(log.lines()[0], {
    level: 'info',
    service: 'test',
    msg: 'said',
    org_id: 'o',
    count: 3,
    nothing: null,
    at: '1970-01-01T00:00:00.000Z',
    bytes: '[32 bytes]',
  })
})

t.test('an address or a JWT inside the message of an error is cut out', async (t) => {
  const log = capturedLog()
  const jwt = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.${'s'.repeat(86)}`
  log.logger.error({ err: new Error(`Key (email)=(ada@acme.test) exists; ${jwt}`) }, 'failed')
  t.notMatch(log.text(), 'ada@acme.test')
  t.notMatch(log.text(), 'eyJ')
  t.match(log.lines()[0], { err: { message: 'Key (email)=([email]) exists; [jwt]' } })
})

t.test('what a person typed stays inside one line and moves no cursor', async (t) => {
  const log = capturedLog()
  const hostile = 'Acme\r\n{"level":"fatal"}\u001b[2J\u009b2J\u2028\u007f'
  log.logger.info({ name: hostile, deep: { list: [hostile] } }, 'renamed')
  log.logger.error({ err: new Error(hostile) }, 'failed')
  t.equal(log.text().trimEnd().split('\n').length, 2)
  for (const character of ['\r', '\u001b', '\u009b', '\u2028', '\u007f']) {
    t.notOk(log.text().includes(character), `no raw U+${character.codePointAt(0)?.toString(16)}`)
  }
})

t.test('a circular or very deep object is cut off', async (t) => {
  const log = capturedLog()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  log.logger.info({ circular }, 'still here')
  t.match(log.lines()[0], { msg: 'still here' })
})

t.test('a request is one line: ids and a path, no query string, no header, no body', async (t) => {
  const log = capturedLog()
  const app = createServer({ logger: log.logger, trustProxy: false })
  app.post('/orgs/:org', async (request) => {
    request.logFields.org_id = 'org-1'
    request.log.info({ req: request, res: { statusCode: 200 } }, 'inside')
    return {}
  })
  const query = SECRET_NAMES.map((name) => `${name}=${CANARY}`).join('&')
  const reply = await app.inject({
    method: 'POST',
    url: `/orgs/acme?${query}`,
    headers: { authorization: `Bearer ${CANARY}`, cookie: `a=${CANARY}`, 'user-agent': CANARY, 'x-request-id': CANARY },
    payload: Object.fromEntries(SECRET_NAMES.map((name) => [name, CANARY])),
  })
  await app.inject({ method: 'GET', url: `/%zz?${query}` })
  await app.inject({ method: 'GET', url: `/nowhere?${query}` })
  await app.close()

  const [inside, line, ...others] = log.lines()
  t.match(inside, { req: { method: 'POST', path: '/orgs/acme', host: 'localhost:80' }, res: { status: 200 } })
  t.match(line, { msg: 'request', method: 'POST', path: '/orgs/acme', status: 200, org_id: 'org-1' })
  t.type(line?.['duration_ms'], 'number')
  t.equal(line?.['request_id'], reply.headers['x-request-id'])
  t.strictSame(
    others.map((other) => [other['path'], other['status']]),
    [
      ['/%zz', 400],
      ['/nowhere', 404],
    ],
  )
  t.notMatch(log.text(), CANARY)
})

t.test('at the level of debugging, a refused request still tells no query string', async (t) => {
  const log = capturedLog('debug')
  const app = createServer({ logger: log.logger, trustProxy: false })
  await app.inject({ method: 'GET', url: `/%zz?code=${CANARY}` })
  await app.inject({ method: 'POST', url: '/x', headers: { 'content-type': CANARY }, payload: CANARY })
  await app.close()
  t.notMatch(log.text(), CANARY)
})
