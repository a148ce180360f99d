// The modules of oidcc-rp-initiated-logout-certification-test-plan; README.md lists them.
import { decodeJwt, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import t, { type Test } from 'tap'
import { type HostedBrowser, hiddenFieldsOf, locationOf } from '../support/hosted-browser.ts'
import type { Reply } from '../support/identity.ts'
import { flow, type Provider, pathOf, startProvider } from './provider.ts'
import { BASIC, POST_LOGOUT_REDIRECT_URI, POST_LOGOUT_REDIRECT_URI_WITH_QUERY } from './registered-clients.ts'

const provider: Provider = await startProvider(t)
const party = await provider.relyingParty(BASIC)

async function signedIn(): Promise<{ browser: HostedBrowser; idToken: string }> {
  const browser = provider.browser()
  const { tokens } = await flow(provider, party, browser)
  return { browser, idToken: tokens.idToken }
}

function logout(browser: HostedBrowser, parameters: Readonly<Record<string, string>>): Promise<Reply> {
  const path = pathOf(String(party.metadata['end_session_endpoint']))
  return browser.get(`${path}?${new URLSearchParams(parameters)}`)
}

async function isSignedIn(browser: HostedBrowser): Promise<boolean> {
  const asked = party.ask({ prompt: 'none' })
  const reply = await browser.get(pathOf(asked.url))
  if (!new URL(locationOf(reply)).searchParams.has('error')) return party.readCode(asked, reply) !== ''
  if (party.readError(asked, reply) !== 'login_required') throw new Error(locationOf(reply))
  return false
}

/** An error page, nothing happened. */
async function isRefused(t: Test, browser: HostedBrowser, reply: Reply): Promise<void> {
  t.equal(reply.status, 400)
  t.match(reply.headers['content-type'], /^text\/html/)
  t.notOk(reply.headers['location'])
  t.equal(await isSignedIn(browser), true, 'still signed in')
}

/** Nothing happens before the person says so; then they are signed out. */
async function asksFirst(t: Test, browser: HostedBrowser, reply: Reply): Promise<Reply> {
  t.equal(reply.status, 200)
  t.equal(await isSignedIn(browser), true, 'still signed in')
  const fields = hiddenFieldsOf(reply, '/oauth/logout')
  const done = await browser.post('/oauth/logout', { ...fields, confirm: 'this' })
  t.equal(await isSignedIn(browser), false, 'signed out')
  return done
}

t.test('oidcc-rp-initiated-logout-discovery-endpoint-verification: the endpoint is listed', async (t) => {
  const url = new URL(party.metadata['end_session_endpoint'])
  t.equal(url.protocol, 'https:')
  t.equal(url.hash, '')
})

t.test('oidcc-rp-initiated-logout: back to the client with its state, and signed out', async (t) => {
  const { browser, idToken } = await signedIn()
  const uri = POST_LOGOUT_REDIRECT_URI
  const reply = await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: uri, state: 'a b&c=d' })
  t.equal(reply.status, 303)
  const location = new URL(locationOf(reply))
  t.equal(location.origin + location.pathname, uri)
  t.strictSame([...location.searchParams], [['state', 'a b&c=d']])
  t.equal(await isSignedIn(browser), false)
  const again = await flow(provider, party, browser)
  t.equal(again.signedInAtPages, true)
})

t.test('oidcc-rp-initiated-logout-bad-post-logout-redirect-uri: an error page', async (t) => {
  for (const uri of ['https://evil.example.test/', `${POST_LOGOUT_REDIRECT_URI}/more`, BASIC.redirectUri]) {
    const { browser, idToken } = await signedIn()
    const reply = await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: uri, state: 's' })
    await isRefused(t, browser, reply)
    t.notMatch(reply.text, 'evil.example.test')
  }
})

t.test('oidcc-rp-initiated-logout-modified-id-token-hint: without its signature a hint is none', async (t) => {
  const { browser, idToken } = await signedIn()
  const unsigned = new UnsecuredJWT(decodeJwt(idToken)).encode()
  const parameters = { post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI, state: 's' }
  await isRefused(t, browser, await logout(browser, { id_token_hint: unsigned, ...parameters }))
})

t.test('oidcc-rp-initiated-logout-bad-id-token-hint: signed by somebody else a hint is none', async (t) => {
  const { browser, idToken } = await signedIn()
  const { privateKey } = await generateKeyPair('RS256')
  const forged = await new SignJWT(decodeJwt(idToken)).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)
  const parameters = { post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI, state: 's' }
  await isRefused(t, browser, await logout(browser, { id_token_hint: forged, ...parameters }))
})

t.test('oidcc-rp-initiated-logout-no-id-token-hint: no redirect for an unnamed client; a named one asks', async (t) => {
  const { browser } = await signedIn()
  const parameters = { post_logout_redirect_uri: POST_LOGOUT_REDIRECT_URI, state: 's' }
  await isRefused(t, browser, await logout(browser, parameters))
  const done = await asksFirst(t, browser, await logout(browser, { client_id: BASIC.id, ...parameters }))
  t.equal(locationOf(done), `${POST_LOGOUT_REDIRECT_URI}?state=s`)
})

t.test('oidcc-rp-initiated-logout-no-params: the person is asked, and is told', async (t) => {
  const { browser } = await signedIn()
  t.equal((await asksFirst(t, browser, await logout(browser, {}))).status, 200)
})

t.test('oidcc-rp-initiated-logout-no-post-logout-redirect-uri: signed out, and told', async (t) => {
  const { browser, idToken } = await signedIn()
  const reply = await logout(browser, { id_token_hint: idToken, state: 's' })
  t.equal(reply.status, 200)
  t.equal(await isSignedIn(browser), false)
})

t.test('oidcc-rp-initiated-logout-no-state: back to the client without one', async (t) => {
  for (const uri of [POST_LOGOUT_REDIRECT_URI, POST_LOGOUT_REDIRECT_URI_WITH_QUERY]) {
    const { browser, idToken } = await signedIn()
    const reply = await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: uri })
    t.equal(locationOf(reply), uri)
    t.equal(await isSignedIn(browser), false)
  }
})

t.test('oidcc-rp-initiated-logout-only-state: the person is asked', async (t) => {
  const { browser } = await signedIn()
  t.equal((await asksFirst(t, browser, await logout(browser, { state: 's' }))).status, 200)
})

t.test('oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri: an error page', async (t) => {
  const { browser, idToken } = await signedIn()
  const uri = `${POST_LOGOUT_REDIRECT_URI}?foo=bar`
  await isRefused(t, browser, await logout(browser, { id_token_hint: idToken, post_logout_redirect_uri: uri }))
})
