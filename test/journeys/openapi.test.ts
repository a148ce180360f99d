// Journeys of people, clients, regions and browsers, held to the API's description: what is answered, errors too, is what
// it says, and nothing that it says goes untried.

import { readFile } from 'node:fs/promises'
import type { OpenApiDocument } from '@meridian/protocol/openapi'
import t, { type Test } from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { codesIn, operationsOf, watch } from '../support/described.ts'
import { askForChange, changeAddress, confirmChange, importPerson, NEW } from '../support/email-change.ts'
import { authorizationUrl, follow, openBrowser, signInAtPages } from '../support/hosted-browser.ts'
import {
  authorize,
  basic,
  exchange,
  type IdentityUnderTest,
  IN,
  idempotencyKey,
  makeSysAdmin,
  REGION_SECRETS,
  redeem,
  refresh,
  SPA_ORIGIN,
  signIn,
  startChallenge,
  startIdentity,
} from '../support/identity.ts'
import { UNHURRIED } from '../support/races.ts'
import { hearOfRegions } from '../support/region-reports.ts'

t.setTimeout(100_000)

async function start(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const document = (await identity.get('/openapi.json')).body as unknown as OpenApiDocument
  return { identity, document }
}

/** Areas whose journeys are long have a file of their own, which test/support/described-area.ts holds to all of it. */
const AREAS_OF_OTHER_FILES: Readonly<Record<string, string>> = {
  Organizations: 'described-organizations.test.ts',
  Members: 'described-members.test.ts',
  Invitations: 'described-invitations.test.ts',
  'The own account': 'described-own-account.test.ts',
  Users: 'described-users.test.ts',
  Modules: 'described-modules.test.ts',
  Domains: 'described-domains.test.ts',
  'Support access': 'described-support.test.ts',
  Audit: 'described-audit.test.ts',
  'Region lanes': 'described-region-lanes.test.ts',
  Synchronization: 'described-sync.test.ts',
}

const operationsOfThisFile = (document: OpenApiDocument) =>
  operationsOf(document).filter(([, { tags }]) => !tags.some((tag) => Object.hasOwn(AREAS_OF_OTHER_FILES, tag)))

t.test('the areas that are left to other files are walked through there', async (t) => {
  const { document } = await start(t)
  for (const { name } of document.tags) {
    const file = AREAS_OF_OTHER_FILES[name]
    if (file === undefined) continue
    const text = await readFile(new URL(file, import.meta.url), 'utf8')
    t.ok(new RegExp(`walkArea\\(\\s*t,\\s*'${name}'`).test(text), `${name} in ${file}`)
  }
})

const json = (
  token: unknown,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  payload?: object,
  headers = {},
) => ({
  method,
  url,
  headers: { authorization: `Bearer ${token}`, ...headers },
  ...(payload === undefined ? {} : { payload }),
})

const CLIENT = {
  id: 'partner',
  name: 'Partner',
  auth_method: 'client_secret_basic',
  account_token: true,
  allowed_resources: ['*'],
  grant_types: ['authorization_code'],
  scopes: ['openid'],
}
const ORG = {
  slug: 'initech',
  name: 'Initech',
  primary_contact: { name: 'Peter', email: 'peter@initech.test' },
  regions: ['in'],
  first_manager: { name: 'Peter', email: 'peter@initech.test' },
}
const AUTHORIZATION = {
  client_id: 'native',
  redirect_uri: 'http://127.0.0.1/callback',
  response_type: 'code',
  state: 'a b',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}
const query = (parameters: Readonly<Record<string, string>>) => new URLSearchParams(parameters).toString()

async function walkAsPerson(identity: IdentityUnderTest): Promise<void> {
  const signedIn = await signIn(identity, 'ada@acme.test')
  const { access_token: token } = signedIn.body
  await identity.get('/v1/me', token)
  const { contexts } = (await identity.get('/v1/me/contexts', token)).body
  const [{ org }] = contexts
  await identity.get(`/v1/me/contexts?${query({ resource: IN, org_id: 'acme' })}`, token)
  await hearOfRegions(identity)
  await identity.inject(json(token, 'PUT', '/v1/me/context', { org_id: org.id, region: 'in' }))
  const region = await exchange(identity, token, { resource: IN, org_id: 'acme' })
  await refresh(identity, signedIn.body['refresh_token'], { resource: IN, org_id: org.id })
  const other = await signIn(identity, 'ada@acme.test', { scope: 'openid' })
  const { sessions } = (await identity.get('/v1/me/sessions', token)).body
  const [ended] = sessions.filter((session: { current: boolean }) => !session.current)
  await identity.get('/oauth/userinfo', token)
  await identity.post('/oauth/userinfo', { access_token: other.body['access_token'] })
  const asRegion = basic('region-in', REGION_SECRETS.in)
  for (const asked of [region.body['access_token'], 'no token'])
    await identity.post('/oauth/introspect', { token: asked }, asRegion)
  await identity.inject(json(token, 'DELETE', `/v1/me/sessions/${ended.id}`))
  await changeAddress(identity, 'ada@acme.test', NEW, signedIn)
  const last = await signIn(identity, NEW)
  await identity.inject(json(last.body['access_token'], 'POST', '/v1/me/sessions/revoke', { which: 'others' }))
  await identity.post('/oauth/revoke', { client_id: 'native', token: last.body['refresh_token'] })
}

async function walkAsAdministrator(identity: IdentityUnderTest): Promise<string> {
  await makeSysAdmin(identity)
  const { access_token: token } = (await signIn(identity, 'root@example.test')).body
  await identity.inject(json(token, 'POST', '/v1/orgs', ORG, { 'idempotency-key': idempotencyKey() }))
  await identity.inject(json(token, 'POST', '/v1/clients', CLIENT, { 'idempotency-key': idempotencyKey() }))
  await identity.get('/v1/clients?limit=3', token)
  await identity.get('/v1/clients/partner', token)
  const renamed = { ...CLIENT, name: 'Partner, renamed' }
  await identity.inject(json(token, 'PUT', '/v1/clients/partner', renamed, { 'if-match': '"1"' }))
  await identity.inject(json(token, 'POST', '/v1/clients/partner/secret'))
  await identity.inject(json(token, 'DELETE', '/v1/clients/partner', undefined, { 'if-match': '*' }))
  return token
}

async function walkAsRegion(identity: IdentityUnderTest): Promise<void> {
  const grant = { grant_type: 'client_credentials' }
  const reply = await identity.post('/oauth/token', grant, basic('region-in', REGION_SECRETS.in))
  await identity.get('/v1/regions/in/hosts', reply.body['access_token'])
  await identity.inject(json(reply.body['access_token'], 'PUT', '/v1/regions/in/keys', { kids: ['k1'] }))
}

async function walkAsBrowser(identity: IdentityUnderTest): Promise<void> {
  await identity.get(`/oauth/authorize?${query(AUTHORIZATION)}`)
  await identity.get(`/oauth/authorize?${query({ ...AUTHORIZATION, prompt: 'none', response_mode: 'form_post' })}`)
  await identity.get(`/oauth/authorize?${query({ ...AUTHORIZATION, prompt: 'none' })}`)
  await identity.post('/oauth/authorize', AUTHORIZATION)
  const back = { client_id: 'spa', post_logout_redirect_uri: `${SPA_ORIGIN}/` }
  await identity.get('/oauth/logout')
  await identity.get(`/oauth/logout?${query(back)}`)
  await identity.post('/oauth/logout', back)
  const browser = openBrowser(identity)
  const page = await follow(browser, await browser.get(authorizationUrl().url))
  await signInAtPages(identity, browser, 'lin@acme.test', page)
  await browser.post('/oauth/logout', {})
  for (const path of ['/oauth/jwks', '/openapi.json']) {
    const { headers } = await identity.get(path)
    await identity.get(path, undefined, { 'if-none-match': String(headers['etag']) })
  }
  for (const name of ['oauth-authorization-server', 'openid-configuration']) await identity.get(`/.well-known/${name}`)
}

t.test('what is answered to people, clients, regions and browsers is what is described', async (t) => {
  const { identity, document } = await start(t)
  const { seen, faults } = watch(identity.app, document)
  await walkAsPerson(identity)
  await walkAsAdministrator(identity)
  await walkAsRegion(identity)
  await walkAsBrowser(identity)
  t.strictSame(faults, [])
  const good = operationsOfThisFile(document).flatMap(([, { operationId, responses }]) =>
    Object.keys(responses)
      .filter((status) => Number(status) < 400)
      .map((status) => `${operationId} ${status}`),
  )
  t.strictSame(
    good.filter((title) => !seen.has(title)),
    [],
    'each success that is described was had',
  )
})

/** What no black box can bring about at will; test/service-kit and test/faults do. */
const NOT_TRIED = ['internal', 'server_error', 'temporarily_unavailable']

async function refuseForms(identity: IdentityUnderTest): Promise<void> {
  const token = (form: Readonly<Record<string, string>>) =>
    identity.post('/oauth/token', { client_id: 'native', ...form })
  await token({ grant_type: 'password' })
  await token({ grant_type: 'authorization_code' })
  await token({ grant_type: 'authorization_code', code: 'x', code_verifier: 'v'.repeat(43) })
  await token({ grant_type: 'refresh_token', client_id: 'nobody', refresh_token: 'x' })
  await token({ grant_type: 'client_credentials' })
  await token({ grant_type: 'refresh_token', refresh_token: 'x'.repeat(20_000) })
  await identity.inject({ method: 'POST', url: '/oauth/token', payload: { grant_type: 'refresh_token' } })
  const signedIn = await signIn(identity, 'lin@acme.test')
  const { access_token: account, refresh_token: held } = signedIn.body
  await exchange(identity, account, { resource: IN, org_id: 'globex' })
  const narrow = await refresh(identity, held, { scope: 'profile' })
  await refresh(identity, String(narrow.body['refresh_token']), { scope: 'nothing:known' })
  await identity.get('/oauth/userinfo', String(narrow.body['access_token']))
  await identity.get('/oauth/userinfo')
  await identity.post('/oauth/userinfo', { access_token: 'x' })
  const asRegion = basic('region-in', REGION_SECRETS.in)
  const own = await identity.post('/oauth/token', { grant_type: 'client_credentials' }, asRegion)
  await identity.post('/oauth/revoke', { token: String(own.body['access_token']) }, asRegion)
  await identity.post('/oauth/revoke', { token: account }, asRegion)
  await identity.post('/oauth/revoke', { client_id: 'native' })
  await identity.post('/oauth/introspect', { token: 'x' }, basic('region-in', REGION_SECRETS.us))
  await identity.post('/oauth/introspect', {}, asRegion)
  await startChallenge(identity, 'lin@acme.test', { method: 'sms' })
  await startChallenge(identity, 'lin@acme.test', { client_id: 'third-party' })
  await startChallenge(identity, 'lin@acme.test', { scope: 'nothing:known' })
  await startChallenge(identity, 'lin@acme.test', { resource: 'https://nowhere.example.test', org_id: 'acme' })
  await identity.post('/oauth/challenge', { client_id: 'native', auth_session: 'x', otp: '000000' })
  await redeem(identity, await authorize(identity, 'lin@acme.test'), { code: 'x' })
}

async function refusePeople(identity: IdentityUnderTest): Promise<void> {
  const signedIn = await signIn(identity, 'max@globex.test')
  const token = String(signedIn.body['access_token'])
  const other = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
  await identity.get('/v1/me')
  await identity.get('/v1/me', 'x')
  await identity.get('/v1/me/contexts?unknown=1', token)
  const { contexts } = (await identity.get('/v1/me/contexts', token)).body
  await identity.inject(json(token, 'PUT', '/v1/me/context', { org_id: contexts[0].org.id, region: 'us' }))
  await identity.inject(json(token, 'PUT', '/v1/me/context', { org_id: other, region: 'in' }))
  await identity.inject(json(token, 'PUT', '/v1/me/context', { org_id: 'x', region: 'in', more: true }))
  await identity.inject(json(token, 'PUT', '/v1/me/context', { org_id: 'x'.repeat(20_000) }))
  const text = { 'content-type': 'text/csv' }
  await identity.inject({ ...json(token, 'PUT', '/v1/me/context', undefined, text), payload: 'a,b' })
  await identity.inject(json(token, 'DELETE', `/v1/me/sessions/${other}`))
  await identity.inject(json(token, 'DELETE', `/v1/me/sessions/${'x'.repeat(300)}`))
  await identity.inject(json(token, 'POST', '/v1/me/email', { email: 'max@globex.test' }))
  await identity.inject(json(token, 'POST', '/v1/me/email/confirm', { change_session: 'x', otp: '000000' }))
  const asked = await askForChange(identity, 'max@globex.test', NEW, signedIn)
  await importPerson(identity, NEW)
  await confirmChange(identity, token, asked.body)
  await identity.get('/v1/clients', token)
  await identity.inject(json(token, 'POST', '/v1/orgs', ORG))
  await identity.get('/v1/regions/in/hosts', token)
}

async function refuseAdministrators(identity: IdentityUnderTest): Promise<void> {
  await makeSysAdmin(identity)
  const { access_token: token } = (await signIn(identity, 'root@example.test')).body
  const send = (method: 'POST' | 'PUT' | 'DELETE', url: string, payload?: object, headers = {}) =>
    identity.inject(json(token, method, url, payload, headers))
  const key = { 'idempotency-key': idempotencyKey() }
  await send('POST', '/v1/orgs', { ...ORG, slug: 'acme' })
  await send('POST', '/v1/orgs', { ...ORG, regions: ['mars'] })
  await send('POST', '/v1/orgs', { ...ORG, first_manager: { name: 'Root', email: 'root@example.test' } })
  await send('POST', '/v1/orgs', ORG, key)
  await send('POST', '/v1/orgs', { ...ORG, name: 'Another' }, key)
  await send('POST', '/v1/clients', { ...CLIENT, id: 'native' })
  await send('POST', '/v1/clients', { ...CLIENT, scopes: [], unknown: 1 })
  await send('POST', '/v1/clients', { ...CLIENT, region: 'mars', account_token: false })
  await send('PUT', '/v1/clients/native', { ...CLIENT, id: 'native' }, { 'if-match': '*' })
  await send('POST', '/v1/clients', CLIENT)
  await send('PUT', '/v1/clients/partner', CLIENT)
  await send('PUT', '/v1/clients/partner', CLIENT, { 'if-match': '"7"' })
  await identity.get('/v1/clients/nobody', token)
  await send('DELETE', '/v1/clients/nobody')
  await shiftClock(identity.db, 400)
  await send('POST', '/v1/clients', CLIENT)
}

t.test('errors of every kind that is described are answered as they are described', async (t) => {
  const settings = { ...UNHURRIED, stepUpMaxAgeSeconds: 300 }
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings })
  const document = (await identity.get('/openapi.json')).body as unknown as OpenApiDocument
  const { codes, faults } = watch(identity.app, document)
  await refuseForms(identity)
  await refusePeople(identity)
  await refuseAdministrators(identity)
  await identity.get(`/oauth/authorize?${query({ ...AUTHORIZATION, redirect_uri: 'https://evil.example.test/' })}`)
  await identity.get(
    `/oauth/logout?${query({ client_id: 'spa', post_logout_redirect_uri: 'https://evil.example.test/' })}`,
  )
  await identity.post('/oauth/logout', { confirm: 'all', csrf: 'x', request: '' })

  const hurried = await startIdentity(t, await embeddedPlace('identity'), { challengesPerMinute: 1 })
  const limited = watch(hurried.app, document)
  for (const _ of [1, 2]) {
    await startChallenge(hurried, 'lin@acme.test')
    await hurried.inject(json('x', 'POST', '/v1/me/email', { email: NEW }))
  }
  t.strictSame([...faults, ...limited.faults], [])

  const described = operationsOfThisFile(document).flatMap(([, { responses }]) =>
    Object.values(responses).flatMap(({ content = {} }) =>
      Object.values(content).flatMap(({ schema }) => codesIn(schema)),
    ),
  )
  const had = new Set([...codes, ...limited.codes, ...NOT_TRIED])
  t.strictSame(
    [...new Set(described)].filter((code) => !had.has(code)),
    [],
    'each code that is described was had',
  )
})
