import { oauthErrorCodeSchema, oauthErrorSchema } from '@meridian/protocol/oauth'
import { problemCodeSchema, problemSchema } from '@meridian/protocol/problem'
import { OAuthError, sendOAuthError } from '@meridian/service-kit/oauth-error'
import { Problem, sendProblem } from '@meridian/service-kit/problem'
import { oauthErrorOf } from '@meridian/service-kit/request-fault'
import { createServer } from '@meridian/service-kit/server'
import t from 'tap'
import { z } from 'zod'
import { capturedLog } from './captured-log.ts'

/** Throws what it is given, on an endpoint of each kind. */
async function answersTo(thrown: unknown) {
  const log = capturedLog()
  const app = createServer({ logger: log.logger, trustProxy: false })
  const fail = async () => {
    throw thrown
  }
  app.get('/v1/x', fail)
  await app.register(async (oauth) => {
    oauth.setErrorHandler((error, _request, reply) => sendOAuthError(reply, oauthErrorOf(error)))
    oauth.get('/oauth/x', fail)
  })
  const api = await app.inject({ method: 'GET', url: '/v1/x' })
  const oauth = await app.inject({ method: 'GET', url: '/oauth/x' })
  await app.close()
  return { api, oauth, log: log.text() }
}

t.test('every problem code has a title and the shape of the protocol', async (t) => {
  for (const code of problemCodeSchema.options) {
    const { api } = await answersTo(new Problem(code))
    const body = problemSchema.parse(api.json())
    t.equal(body.code, code)
    t.equal(body.status, api.statusCode)
    t.ok(body.title.length > 5, code)
    t.equal(api.headers['cache-control'], 'no-store')
  }
})

t.test('a problem carries its detail, members, headers and status, and its cause reaches the log alone', async (t) => {
  const problem = new Problem('wrong_region', {
    status: 401,
    detail: 'Use the other API',
    members: { api_url: 'https://us.example.com', status: 200, code: 'internal' },
    headers: { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'public' },
    cause: new Error('private reason'),
  })
  const { api } = await answersTo(problem)
  t.match(api.json(), { status: 401, code: 'wrong_region', detail: 'Use the other API', api_url: /us/ })
  t.match(api.headers, { 'www-authenticate': 'Bearer error="invalid_token"', 'cache-control': 'no-store' })
  const failed = await answersTo(new Problem('internal', { cause: new Error('private reason') }))
  t.notMatch(failed.api.body, 'private reason')
  t.match(failed.log, 'private reason')
})

t.test('every OAuth error code has a description that RFC 6749 allows, and is never cached', async (t) => {
  for (const code of oauthErrorCodeSchema.options) {
    const { oauth } = await answersTo(new OAuthError(code))
    const body = oauthErrorSchema.parse(oauth.json())
    t.equal(body.error, code)
    t.match(body.error_description, /^[\x20\x21\x23-\x5B\x5D-\x7E]+$/)
    t.match(oauth.headers, { 'cache-control': 'no-store', pragma: 'no-cache', 'content-type': 'application/json' })
  }
})

t.test('only a client that failed to authenticate is challenged', async (t) => {
  const { oauth } = await answersTo(new OAuthError('invalid_client'))
  t.equal(oauth.statusCode, 401)
  t.match(oauth.headers['www-authenticate'], /^Basic realm=/)
  const own = await answersTo(new OAuthError('invalid_client', { headers: { 'www-authenticate': 'Bearer' } }))
  t.equal(own.oauth.headers['www-authenticate'], 'Bearer')
  const grant = await answersTo(new OAuthError('invalid_grant'))
  t.equal(grant.oauth.statusCode, 400)
  t.notOk(grant.oauth.headers['www-authenticate'])
})

t.test('an OAuth error carries its members, and a description loses what the RFC forbids', async (t) => {
  const { oauth } = await answersTo(
    new OAuthError('insufficient_authorization', {
      description: 'Say "please"\\\n',
      members: { auth_session: 's', error: 'invalid_grant' },
    }),
  )
  t.strictSame(oauth.json(), {
    auth_session: 's',
    error: 'insufficient_authorization',
    error_description: 'Say ?please???',
  })
})

t.test('anything thrown becomes the nearest error of its endpoint, without its text', async (t) => {
  const invalid = z.strictObject({}).safeParse({ a: 1 }).error
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.1.2.3'), { code: 'ECONNREFUSED' })
  const cases: readonly (readonly [unknown, number, string, string])[] = [
    [new Error('private text'), 500, 'internal', 'server_error'],
    ['private text', 500, 'internal', 'server_error'],
    [undefined, 500, 'internal', 'server_error'],
    [{ statusCode: 418, message: 'private text' }, 500, 'internal', 'server_error'],
    [Object.assign(new Error('private text'), { statusCode: 404 }), 500, 'internal', 'server_error'],
    [refused, 503, 'temporarily_unavailable', 'temporarily_unavailable'],
    [invalid, 500, 'internal', 'server_error'],
    [new Problem('rate_limited', { headers: { 'retry-after': '9' } }), 429, 'rate_limited', 'rate_limited'],
    [new Problem('method_not_allowed'), 405, 'method_not_allowed', 'invalid_request'],
    [new Problem('not_found'), 404, 'not_found', 'invalid_request'],
    [new Problem('temporarily_unavailable'), 503, 'temporarily_unavailable', 'temporarily_unavailable'],
  ]
  for (const [thrown, status, code, error] of cases) {
    const { api, oauth } = await answersTo(thrown)
    t.strictSame([api.statusCode, api.json().code], [status, code], String(thrown))
    t.strictSame([oauth.statusCode, oauth.json().error], [status, error], String(thrown))
    t.notMatch(api.body + oauth.body, /private text|10\.1\.2\.3/)
    t.equal(oauth.headers['retry-after'], api.headers['retry-after'])
    if (status === 503 && !(thrown instanceof Problem)) t.equal(api.headers['retry-after'], '1')
  }
})

t.test('a refusal by a rule is no error in the log, whatever its status; what failed is one', async (t) => {
  const refusal = Object.assign(new Error('not now'), { isRefusal: true })
  const failure = Object.assign(new Error('lost'), { statusCode: 503 })
  const linesOf = async (thrown: Error) => {
    const log = capturedLog()
    const app = createServer({
      logger: log.logger,
      trustProxy: false,
      sendError: (_error, _request, reply) => sendProblem(reply, new Problem('temporarily_unavailable')),
    })
    app.get('/v1/x', async () => {
      throw thrown
    })
    t.equal((await app.inject({ method: 'GET', url: '/v1/x' })).statusCode, 503)
    await app.close()
    return log.lines().map(({ msg }) => msg)
  }
  for (const thrown of [refusal, new Problem('temporarily_unavailable')])
    t.notOk((await linesOf(thrown)).includes('request failed'), thrown.message)
  for (const thrown of [failure, new Problem('temporarily_unavailable', { cause: failure })])
    t.ok((await linesOf(thrown)).includes('request failed'), thrown.message)
})
