// The API's description is complete and sound: every route is in it and nothing else, and the page shows all of it. That
// real answers are what it says is test/journeys/openapi.test.ts.
import { createHash } from 'node:crypto'
import type { JsonSchema, OpenApiDocument } from '@meridian/protocol/openapi'
import { Validator } from '@seriousme/openapi-schema-validator'
import t, { type Test } from 'tap'
import { directivesOf, Markup } from '../pages/markup.ts'
import { embeddedPlace } from '../support/databases.ts'
import { codesIn, operationsOf, schemaCheck } from '../support/described.ts'
import { ISSUER, startIdentity } from '../support/identity.ts'
import { routesOf } from '../support/routes.ts'

t.setTimeout(100_000)

/** For people and for operators: no interface of programs. */
const NOT_DESCRIBED = [
  'GET /healthz',
  'GET /readyz',
  'GET /api-reference',
  'GET /sign-in',
  'POST /sign-in',
  'GET /sign-in/cancel',
  'GET /sign-in/code',
  'POST /sign-in/code',
  'POST /sign-in/resend',
  'GET /sign-in/account',
  'POST /sign-in/account',
  'GET /sign-in/context',
  'POST /sign-in/context',
  'GET /sign-in/invitations',
  'POST /sign-in/invitations',
  'GET /invitations',
  'GET /email-change/stop',
  'POST /email-change/stop',
  'GET /email-change/stop/code',
  'POST /email-change/stop/code',
]

async function start(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const document = (await identity.get('/openapi.json')).body as unknown as OpenApiDocument
  return { identity, document }
}

t.test('every route is described, and nothing else is', async (t) => {
  const { identity, document } = await start(t)
  const routes = routesOf(identity.app).map((route) => route.replace(/:([a-z]+)/g, '{$1}'))
  const described = operationsOf(document).map(([route]) => route)
  t.strictSame([...described, ...NOT_DESCRIBED].sort(), [...routes].sort())
})

t.test('the document is valid OpenAPI 3.1, names the issuer, and may be cached by anybody', async (t) => {
  const { identity, document } = await start(t)
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)))
  t.ok(valid, JSON.stringify(errors)?.slice(0, 1000))
  t.strictSame(document.servers, [{ url: ISSUER }])
  const ids = operationsOf(document).map(([, operation]) => operation.operationId)
  t.equal(new Set(ids).size, ids.length, 'operation ids are unique')
  const schemes = Object.keys(document.components.securitySchemes)
  for (const [route, { security }] of operationsOf(document)) {
    for (const name of security.flatMap((way) => Object.keys(way))) t.ok(schemes.includes(name), `${route}: ${name}`)
  }

  for (const [url, type, origin] of [
    ['/openapi.json', 'application/json', '*'],
    ['/api-reference', 'text/html; charset=utf-8', undefined],
  ]) {
    const reply = await identity.get(String(url))
    t.match(reply.headers, { 'cache-control': 'public, max-age=300', etag: /^".+"$/, 'content-type': type })
    t.equal(reply.headers['access-control-allow-origin'], origin)
    t.notOk(reply.headers['set-cookie'])
    const unchanged = await identity.get(String(url), undefined, { 'if-none-match': String(reply.headers['etag']) })
    t.equal(unchanged.status, 304)
    t.equal(unchanged.text, '')
  }
  const again = await start(t)
  t.strictSame(again.document, document, 'the same from every process')
})

t.test('every reference resolves, every field is explained, and examples are what they show', async (t) => {
  const { document } = await start(t)
  const { schemas } = document.components
  const used = new Set<string>()
  const walk = (value: unknown, at: string): void => {
    if (typeof value !== 'object' || value === null) return
    const { $ref } = value as JsonSchema
    if (typeof $ref === 'string') {
      used.add($ref.replace('#/components/schemas/', ''))
      t.ok(Object.hasOwn(schemas, $ref.replace('#/components/schemas/', '')), `${at}: ${$ref}`)
    }
    for (const [key, inner] of Object.entries(value)) walk(inner, `${at}/${key}`)
  }
  walk(document, '')
  t.strictSame([...used].sort(), Object.keys(schemas).sort(), 'each schema is used')

  const explain = (schema: JsonSchema, at: string): void => {
    for (const inner of [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), schema.items ?? {}])
      if (inner.properties !== undefined) explain(inner, at)
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      t.ok(field.description, `${at}.${name} is explained`)
      explain(field, `${at}.${name}`)
    }
  }
  for (const [name, schema] of Object.entries(schemas)) explain(schema, name)

  const check = schemaCheck(document)
  for (const [route, { requestBody, responses, parameters, description, summary }] of operationsOf(document)) {
    t.ok(summary.length < 80 && !summary.endsWith('.'), `${route}: ${summary}`)
    t.not(description, '')
    for (const { name, description: text } of parameters) t.ok(text, `${route}: ${name} is explained`)
    for (const { content = {} } of [requestBody ?? {}, ...Object.values(responses)]) {
      for (const { schema, examples = {} } of Object.values(content))
        for (const { summary: title, value } of Object.values(examples))
          t.equal(check(schema, value), null, `${route}: ${title}`)
    }
  }
})

/** They make nothing: what is asked for twice is as it was, or is refused as done. */
const MAKING_NOTHING = [
  'POST /v1/me/export',
  'POST /v1/me/sessions/revoke',
  'POST /v1/me/invitations/{id}/decline',
  'POST /v1/orgs/{org}/restore',
  'POST /v1/orgs/{org}/assets',
  'POST /v1/orgs/{org}/domains/{id}/verify',
  'POST /v1/orgs/{org}/support-grants/{id}/approve',
  'POST /v1/orgs/{org}/support-grants/{id}/decline',
  'POST /v1/orgs/{org}/support-grants/{id}/end',
  'POST /v1/support-grants/{id}/end',
]

/** A repeat begins anew, within the mails that one address may get. */
const BEGUN_ANEW = ['POST /v1/me/email', 'POST /v1/orgs/{org}/invitations/{id}/resend']

t.test('whatever makes something can be repeated safely', async (t) => {
  const { document } = await start(t)
  const posts = operationsOf(document).filter(([route]) => route.startsWith('POST /v1/'))
  const without = posts.filter(([, { parameters }]) => !parameters.some(({ name }) => name === 'Idempotency-Key'))
  t.strictSame(without.map(([route]) => route).sort(), [...MAKING_NOTHING, ...BEGUN_ANEW].sort())
})

t.test('what refuses unknown fields says so, and what ignores them does not', async (t) => {
  const { document } = await start(t)
  const resolve = ({ $ref, ...schema }: JsonSchema): JsonSchema =>
    $ref === undefined ? schema : (document.components.schemas[$ref.replace('#/components/schemas/', '')] ?? {})
  for (const [route, { requestBody }] of operationsOf(document)) {
    for (const { schema } of Object.values(requestBody?.content ?? {})) {
      const whole = resolve(schema)
      if (whole.type === 'string') continue
      const alternatives = (whole.oneOf ?? whole.anyOf ?? [whole]).map(resolve)
      for (const { additionalProperties } of alternatives) {
        t.equal(additionalProperties, route.includes(' /v1/') ? false : undefined, route)
      }
    }
  }
  for (const name of ['Me', 'ContextList', 'TokenResponse', 'Session', 'RegisteredClient', 'Org', 'UserInfo'])
    t.equal(document.components.schemas[name]?.additionalProperties, false, name)
})

t.test('the page shows every operation and code, runs its own code alone, and fetches nothing', async (t) => {
  const { identity, document } = await start(t)
  const reply = await identity.get('/api-reference')
  const page = new Markup(reply.text)
  const policy = directivesOf(String(reply.headers['content-security-policy']))
  const hashOf = (source: string) => `'sha256-${createHash('sha256').update(source).digest('base64')}'`
  t.strictSame(policy.get('script-src'), page.scripts.map(hashOf))
  t.strictSame(policy.get('style-src'), page.styles.map(hashOf))
  for (const name of ['default-src', 'form-action', 'frame-ancestors', 'base-uri'])
    t.strictSame(policy.get(name), ["'none'"], name)
  t.equal(policy.size, 6, 'and nothing more')

  const ids = page.elements.flatMap(({ attributes }) => attributes.get('id') ?? [])
  t.equal(new Set(ids).size, ids.length, 'ids are unique')
  for (const { attributes } of page.named('a')) {
    const target = attributes.get('href') ?? ''
    t.ok(target === '/openapi.json' || ids.includes(target.slice(1)), `a link to ${target}`)
  }
  t.notOk(page.elements.some(({ attributes }) => attributes.has('src') || attributes.has('style')))
  for (const [route, { operationId, responses, summary }] of operationsOf(document)) {
    t.ok(ids.includes(operationId), route)
    t.ok(page.text.includes(summary), summary)
    const schemas = Object.values(responses).flatMap(({ content = {} }) => Object.values(content))
    for (const code of schemas.flatMap(({ schema }) => codesIn(schema))) t.ok(page.text.includes(code), code)
  }
  for (const part of [
    `curl -X POST '${ISSUER}/oauth/token'`,
    '-H "Authorization: Bearer $ACCOUNT_TOKEN"',
    '-u "$CLIENT_ID:$CLIENT_SECRET"',
    '--data-urlencode "subject_token=$SUBJECT_TOKEN"',
    `"change_session": "'"$CHANGE_SESSION"'"`,
  ])
    t.ok(page.text.includes(part), part)
})
