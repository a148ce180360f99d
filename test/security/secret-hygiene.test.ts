// SECURITY 1.14: what a person and a client are given never stands in the database, the log, or a page that does not
// need it. Signing in at the pages, refreshing, exchanging and signing out, with every secret of it as a canary.
import t from 'tap'
import { dumpOf } from '../support/database-dump.ts'
import { embeddedPlace } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  SPA_CALLBACK,
} from '../support/hosted-browser.ts'
import {
  codeMailedTo,
  exchange,
  IN,
  idempotencyKey,
  type Reply,
  redeem,
  SPA_ORIGIN,
  startIdentity,
} from '../support/identity.ts'

/** A secret as itself, as bytes and in base64. */
const shapesOf = (secret: string) => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('hex'),
  Buffer.from(secret).toString('base64url'),
]

t.test('no secret of a sign-in stands in the database or in the log', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const browser = openBrowser(identity)
  const pages: Reply[] = []
  const canaries = new Map<string, string>()
  const seen = <R extends Reply>(reply: R): R => {
    pages.push(reply)
    return reply
  }

  const asked = authorizationUrl({ nonce: 'nonce-canary-5ad1c1', state: 'state-canary-90b1f2' })
  canaries.set('state', 'state-canary-90b1f2')
  canaries.set('PKCE verifier', asked.verifier)
  const page = seen(await follow(browser, await browser.get(asked.url)))
  const addressForm = hiddenFieldsOf(page, '/sign-in')
  const codeUrl = locationOf(await browser.post('/sign-in', { ...addressForm, email: 'lin@acme.test' }))
  canaries.set('flow', new URL(codeUrl, SPA_ORIGIN).searchParams.get('flow') ?? '')
  canaries.set('form token', addressForm['csrf'] ?? '')
  await openBrowser(identity).get(codeUrl)
  const codePage = seen(await browser.get(codeUrl))
  const otp = await codeMailedTo(identity, 'lin@acme.test')
  const codeForm = hiddenFieldsOf(codePage, '/sign-in/code')
  const wrong = seen(await browser.post('/sign-in/code', { ...codeForm, otp: '99999' }))
  t.notOk(
    pages.some((reply) => reply.text.includes(otp)),
    'no page shows the code',
  )
  t.equal(wrong.status, 400)
  const back = await follow(browser, await browser.post('/sign-in/code', { ...codeForm, otp }))
  const code = answerOf(back)['code'] ?? ''
  canaries.set('authorization code', code)
  const [redeemKey, refreshKey] = [idempotencyKey(), idempotencyKey()]
  canaries.set('idempotency key', refreshKey)
  const headers = (key: string) => ({ origin: SPA_ORIGIN, 'x-meridian-request': '1', 'idempotency-key': key })
  const form = { grant_type: 'authorization_code', client_id: 'spa', code, code_verifier: asked.verifier }
  const tokens = await browser.post('/oauth/token', { ...form, redirect_uri: SPA_CALLBACK }, headers(redeemKey))
  t.equal(tokens.status, 200, tokens.text)
  canaries.set('ID token', String(tokens.body['id_token']))
  const refreshed = await browser.post(
    '/oauth/token',
    { grant_type: 'refresh_token', client_id: 'spa' },
    headers(refreshKey),
  )
  canaries.set('account token', String(refreshed.body['access_token']))
  const region = await exchange(identity, String(refreshed.body['access_token']), {
    client_id: 'spa',
    resource: IN,
    org_id: 'acme',
  })
  canaries.set('region token', String(region.body['access_token']))
  for (const [name, value] of browser.cookies) canaries.set(`cookie ${name}`, value)
  await identity.get('/v1/me', String(refreshed.body['access_token']))
  await identity.get('/v1/me?access_token=query-canary-77aa', 'bearer-canary-11bb')
  await browser.get(`/oauth/logout?id_token_hint=${String(tokens.body['id_token'])}&state=logout-canary-33cc`)
  // Replays and garbage take other paths.
  await redeem(
    identity,
    { code, verifier: asked.verifier },
    { client_id: 'spa', redirect_uri: SPA_CALLBACK },
    headers(redeemKey),
  )
  await browser.post('/sign-in/code', { ...codeForm, otp })
  canaries.set('token in a query', 'query-canary-77aa')
  canaries.set('bearer', 'bearer-canary-11bb')
  canaries.set('logout state', 'logout-canary-33cc')

  const database = await dumpOf(identity)
  const log = identity.logText()
  t.match(database, 'lin@acme.test', 'the dump is real')
  t.match(log, '/sign-in/code', 'the log is real')
  for (const [title, secret] of canaries) {
    t.ok(secret.length >= 12, `${title} was there to be found`)
    for (const shape of shapesOf(secret)) {
      t.notOk(database.includes(shape), `${title}: not in the database`)
      t.notOk(log.includes(shape), `${title}: not in the log`)
    }
  }
  const alone = new RegExp(`(^|[^0-9a-f-])${otp}([^0-9a-f-]|$)`, 'm')
  t.notMatch(database, alone, 'the mailed code: not in the database')
  t.notMatch(log, alone, 'the mailed code: not in the log')
  t.notMatch(log, /lin@acme\.test/, 'nor whose it was')
})

t.test('what a caller writes stays inside its line of the log (A112)', async (t) => {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const forged = 'x\r\n{"level":"fatal","msg":"forged"}\u001b[2J'
  await identity.post('/oauth/token', { grant_type: forged, client_id: forged }, { 'user-agent': 'y\u001b[31m' })
  await identity.get(`/sign-in?client_id=${encodeURIComponent(forged)}`)
  await identity.get(`/v1/${encodeURIComponent(forged)}`)
  for (const line of identity.logText().split('\n').filter(Boolean)) {
    t.doesNotThrow(() => JSON.parse(line), line.slice(0, 200))
    t.notOk(line.includes('\u001b'), 'no terminal sequence')
    t.not(JSON.parse(line).level, 'fatal')
  }
})
