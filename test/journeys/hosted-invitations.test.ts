// Invitations at the hosted pages: shown after signing in, answered by an explicit yes or no, and on into the new place.
import t, { type Test } from 'tap'
import { embeddedPlace } from '../support/databases.ts'
import {
  answerOf,
  authorizationUrl,
  follow,
  type HostedBrowser,
  hiddenFieldsOf,
  locationOf,
  openBrowser,
  signInAtPages,
} from '../support/hosted-browser.ts'
import { type IdentityUnderTest, type Reply, startIdentity } from '../support/identity.ts'
import { invited, NEW, statusOf } from '../support/invitations.ts'
import { addMember, findMembership, tokenOf } from '../support/members.ts'
import { ask, UNHURRIED } from '../support/races.ts'
import { hearOfRegions } from '../support/region-reports.ts'

const PAGE = '/sign-in/invitations'
const NATIVE = { client_id: 'native', redirect_uri: 'test.example.app:/callback' }

async function start(t: Test) {
  const identity = await startIdentity(t, await embeddedPlace('identity'), { settings: UNHURRIED })
  const ada = await tokenOf(identity, 'ada@acme.test')
  const give = async (email: string, roles?: Record<string, string>) => {
    const id = await invited(identity, ada, email, roles)
    await identity.mailTo(email)
    return id
  }
  return { identity, ada, give }
}

async function signedIn(identity: IdentityUnderTest, email: string, parameters: Record<string, string> = {}) {
  const browser = openBrowser(identity)
  const asked = authorizationUrl({ ...NATIVE, ...parameters })
  const page = await follow(browser, await browser.get(asked.url))
  return { browser, asked, page: await signInAtPages(identity, browser, email, page) }
}

const answer = async (browser: HostedBrowser, page: Reply, value: string) =>
  follow(browser, await browser.post(PAGE, { ...hiddenFieldsOf(page, PAGE), answer: value }))

const isCode = (reply: Reply) => reply.status === 303 && answerOf(reply)['code'] !== undefined

t.test('a new person signs in, sees who invites them, says yes and goes on into that place', async (t) => {
  const { identity, give } = await start(t)
  const id = await give(NEW, { in: 'member' })
  const { browser, asked, page } = await signedIn(identity, NEW)
  t.match(page.text, /You are invited[\s\S]*Acme[\s\S]*Member in <bdi>India/)
  t.equal(await statusOf(identity, id), 'pending', 'looking answers nothing')
  const done = await answer(browser, page, `accept ${id}`)
  t.ok(isCode(done), locationOf(done) || done.text)
  t.strictSame(
    await ask(identity, 'SELECT 1 AS one FROM client_context'),
    [],
    'a region that is not there is not chosen',
  )
  const { code } = answerOf(done)
  const tokens = await identity.post('/oauth/token', {
    grant_type: 'authorization_code',
    ...NATIVE,
    code: String(code),
    code_verifier: asked.verifier,
  })
  const { org } = (await identity.get('/v1/me/contexts', tokens.body['access_token'])).body['contexts'][0]
  t.strictSame(tokens.body['context'], { org: org.id, region: 'in' })
  t.equal(org.slug, 'acme')
})

t.test('who says no is a member of nothing, and goes on as before', async (t) => {
  const { identity, give } = await start(t)
  const id = await give('nobody@example.test')
  const { browser, page } = await signedIn(identity, 'nobody@example.test')
  const after = await answer(browser, page, `decline ${id}`)
  t.match(after.text, /You belong to no organization yet/)
  t.equal(await statusOf(identity, id), 'declined')
})

t.test('a member of another organization sees it once, may put it off, and after a yes begins there', async (t) => {
  const { identity, give } = await start(t)
  await hearOfRegions(identity)
  await addMember(identity, 'vic@globex.test', { org: 'globex', region: 'us', role: 'member' })
  const id = await give('vic@globex.test')
  const { browser, page } = await signedIn(identity, 'vic@globex.test')
  t.match(page.text, /You are invited/)
  const later = /href="(\/oauth\/authorize[^"]+invitations=later[^"]*)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&')
  t.ok(isCode(await follow(browser, await browser.get(String(later)))), 'put off')
  t.ok(isCode(await browser.get(authorizationUrl(NATIVE).url)), 'and not shown again by the sign-on')
  t.equal(await statusOf(identity, id), 'pending')
  const again = await signedIn(identity, 'vic@globex.test')
  const done = await answer(again.browser, again.page, `accept ${id}`)
  t.ok(isCode(done), done.text)
  const [remembered] = await ask(
    identity,
    `SELECT o.slug, k.region FROM client_context k JOIN organization o ON o.id = k.org_id
      WHERE k.user_id = (SELECT id FROM user_account WHERE email = 'vic@globex.test')`,
  )
  t.strictSame(remembered, { slug: 'acme', region: 'in' })
})

t.test('who is signed in already, and was let into nothing, sees an invitation that comes now', async (t) => {
  const { identity, give } = await start(t)
  const { browser, page } = await signedIn(identity, 'nobody@example.test')
  t.match(page.text, /You belong to no organization yet/)
  await give('nobody@example.test')
  const named = authorizationUrl({ ...NATIVE, org_id: 'acme', resource: 'https://api.in.example.test' })
  for (const { url } of [authorizationUrl(NATIVE), named]) {
    t.match((await follow(browser, await browser.get(url))).text, /You are invited/, url)
  }
  const silent = authorizationUrl({ ...NATIVE, prompt: 'none' })
  t.ok(isCode(await browser.get(silent.url)), 'but not where nothing may be shown')
})

t.test('an answer needs the form of this browser, and a signed-in person', async (t) => {
  const { identity, give } = await start(t)
  const id = await give('nobody@example.test')
  const { browser, page } = await signedIn(identity, 'nobody@example.test')
  const fields: Record<string, string> = { ...hiddenFieldsOf(page, PAGE), answer: `accept ${id}` }
  const { csrf: _csrf = '', ...bare } = fields
  t.equal((await browser.post(PAGE, bare)).status, 400)
  t.equal((await browser.post(PAGE, { ...fields, csrf: 'x' })).status, 403)
  t.equal((await browser.post(PAGE, fields, { 'sec-fetch-site': 'cross-site' })).status, 403)
  t.equal((await openBrowser(identity).post(PAGE, fields)).status, 403)
  for (const value of ['accept', `take ${id}`, `accept ${id} x`]) {
    t.equal((await browser.post(PAGE, { ...fields, answer: value })).status, 400, value)
  }
  t.equal(await findMembership(identity, 'nobody@example.test', 'acme', 'in'), undefined)
  for (const name of browser.cookies.keys()) if (name.includes('sign-on')) browser.cookies.delete(name)
  t.match(locationOf(await browser.post(PAGE, fields)), /^\/sign-in\?/, 'signed out meanwhile')
  t.equal(await statusOf(identity, id), 'pending')
})

t.test('what cannot be accepted says so, and the others stay to be answered', async (t) => {
  const { identity, give, ada } = await start(t)
  const own = await give('ada@acme.test', { in: 'viewer' })
  const { browser, page } = await signedIn(identity, 'ada@acme.test')
  const last = await browser.post(PAGE, { ...hiddenFieldsOf(page, PAGE), answer: `accept ${own}` })
  t.equal(last.status, 400)
  t.match(last.text, /role="alert"[\s\S]*another manager/)
  const unknown = '0198c5f2-7a3b-7c4d-8e5f-6a7b8c9d0e1f'
  const gone = await browser.post(PAGE, { ...hiddenFieldsOf(page, PAGE), answer: `accept ${unknown}` })
  t.match(gone.text, /role="alert"[\s\S]*no longer valid/)
  await identity.inject({
    method: 'DELETE',
    url: `/v1/orgs/acme/invitations/${own}`,
    headers: { authorization: `Bearer ${ada}` },
  })
  const none = await answer(browser, page, `accept ${own}`)
  t.notMatch(none.text, /You are invited/, 'and where none is left, the person goes on')
})

t.test('the page that the mail leads to is the same for everybody', async (t) => {
  const { identity, give } = await start(t)
  await give(NEW)
  const [mail] = await identity.mailTo(NEW)
  const url = /https:\/\/id\.example\.test(\/\S*)/.exec(mail?.text ?? '')?.[1]
  const reply = await identity.get(String(url))
  t.equal(reply.status, 200)
  t.match(reply.text, /sign in with the address that got our mail/)
  t.equal(reply.headers['set-cookie'], undefined)
})
