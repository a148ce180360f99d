// Tabs of one browser that refresh at once, reload in the middle, lose answers or get them in the wrong order: nobody
// is signed out. A page of the client's own does what the README asks of a client with cookie transport.

import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { embeddedPlace, shiftClock } from '../support/databases.ts'
import { authorizationUrl, SPA_CALLBACK } from '../support/hosted-browser.ts'
import { codeMailedTo, type IdentityUnderTest, startIdentity } from '../support/identity.ts'
import { type ProductionHosts, serveProductionHosts } from './production-hosts.ts'

const chromium = process.env['TEST_CHROMIUM']
const skip = chromium === undefined ? 'no Chromium: set TEST_CHROMIUM' : false
const HOUR_SECONDS = 3600

const PAGE = `<!doctype html><title>An app</title><script>
const TOKEN = 'https://id.example.test/oauth/token'
const random = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))
  .replaceAll('+', '-').replaceAll('/', '_')
async function call(form, key, answer) {
  const reply = await fetch(TOKEN + (answer ? '?answer=' + answer : ''), {
    method: 'POST', credentials: 'include', body: new URLSearchParams({ client_id: 'spa', ...form }),
    headers: { 'x-meridian-request': '1', 'idempotency-key': key },
  })
  return { status: reply.status, body: await reply.json() }
}
const redeem = (code, verifier) => call({ grant_type: 'authorization_code', code, code_verifier: verifier,
  redirect_uri: location.origin + location.pathname }, random())
// One tab at a time, until the answer was read; the key is kept as long, so that a refresh whose answer a reload or a
// crash swallowed is asked for again and not anew.
const refresh = (answer) => navigator.locks.request('refresh', async () => {
  const key = localStorage.getItem('refreshing') ?? random()
  localStorage.setItem('refreshing', key)
  const reply = await call({ grant_type: 'refresh_token' }, key, answer)
  localStorage.removeItem('refreshing')
  return reply
})
const refreshAlone = () => call({ grant_type: 'refresh_token' }, random())
var app = { call, random, redeem, refresh, refreshAlone }
</script>`

type Answer = { status: number; body: Record<string, unknown> }
/** What the page above offers. */
declare const app: {
  call(form: Record<string, string>, key: string, answer?: string): Promise<Answer>
  random(): string
  redeem(code: string, verifier: string): Promise<Answer>
  refresh(answer?: string): Promise<Answer>
  refreshAlone(): Promise<Answer>
}

const refresh = (page: Page, answer?: string) =>
  page.evaluate<Answer, string | undefined>((name) => app.refresh(name), answer)
const refreshAlone = (page: Page) => page.evaluate<Answer>(() => app.refreshAlone())

async function openApp(t: Test): Promise<{
  identity: IdentityUnderTest
  hosts: ProductionHosts
  context: BrowserContext
  page: Page
  later(): Promise<void>
}> {
  const identity = await startIdentity(t, await embeddedPlace('identity'))
  const hosts = await serveProductionHosts(t, { identity, chromium: chromium ?? '', page: PAGE })
  const context = await hosts.newContext()
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
  const asked = authorizationUrl()
  await page.goto(`https://id.example.test${asked.url}`)
  await page.fill('input[name=email]', 'lin@acme.test')
  await page.keyboard.press('Enter')
  await page.waitForSelector('input[name=otp]')
  const otp = await codeMailedTo(identity, 'lin@acme.test')
  await page.fill('input[name=otp]', `${otp.slice(0, 3)} ${otp.slice(3)}`)
  await page.waitForURL(`${SPA_CALLBACK}?**`, { timeout: 10_000 }).catch(async () => {
    await page.keyboard.press('Enter')
    await page.waitForURL(`${SPA_CALLBACK}?**`)
  })
  const code = new URL(page.url()).searchParams.get('code') ?? ''
  const redeemed = await page.evaluate<Answer, [string, string]>(
    ([code, verifier]) => app.redeem(code, verifier),
    [code, asked.verifier],
  )
  t.equal(redeemed.status, 200, JSON.stringify(redeemed.body))
  t.notOk('refresh_token' in redeemed.body, 'the page never sees a refresh token')
  t.strictSame(complaints, [], 'the browser has nothing to complain of')
  let hours = 0
  const later = () => {
    hours += 2
    return shiftClock(identity.db, hours * HOUR_SECONDS)
  }
  return { identity, hosts, context, page, later }
}

async function isStillSignedIn(t: Test, page: Page, later: () => Promise<void>): Promise<void> {
  await later()
  const first = await refresh(page)
  t.equal(first.status, 200, `still signed in: ${JSON.stringify(first.body)}`)
  await later()
  t.equal((await refresh(page)).status, 200, 'and later')
}

t.test('two tabs and ten tabs refresh at once', { skip }, async (t) => {
  const { context, page, later } = await openApp(t)
  const tabs = [page]
  for (const count of [2, 10]) {
    while (tabs.length < count) {
      const tab = await context.newPage()
      await tab.goto(SPA_CALLBACK)
      tabs.push(tab)
    }
    for (let round = 0; round < 3; round += 1) {
      await later()
      // Two tabs need no lock: the loser's token is the predecessor of one that nobody has used.
      const answers = await Promise.all(tabs.map((tab) => (count === 2 ? refreshAlone(tab) : refresh(tab))))
      t.strictSame(
        answers.map((answer) => answer.status),
        answers.map(() => 200),
        `${count} tabs, round ${round}`,
      )
    }
  }
  await isStillSignedIn(t, page, later)
})

t.test('a hard reload in mid-refresh', { skip }, async (t) => {
  const { hosts, page, later } = await openApp(t)
  await page.evaluate(() => void app.refresh('reload'))
  await hosts.dealtWith('reload')
  await page.reload()
  await later()
  t.equal((await refresh(page)).status, 200, 'the page that was loaded again asks for the same')
  hosts.letGo('reload')
  await isStillSignedIn(t, page, later)
})

t.test('an answer that is lost, and asked for again hours later', { skip }, async (t) => {
  const { page, later } = await openApp(t)
  const lost = await page.evaluate(() => app.refresh('lost').catch(() => 'lost'))
  t.equal(lost, 'lost')
  await later()
  t.equal((await refresh(page)).status, 200)
  await isStillSignedIn(t, page, later)
})

t.test('two cookies that arrive in the wrong order', { skip }, async (t) => {
  const { hosts, context, page, later } = await openApp(t)
  const other = await context.newPage()
  await other.goto(SPA_CALLBACK)
  const slow = page.evaluate<Answer>(() => app.call({ grant_type: 'refresh_token' }, app.random(), 'slow'))
  await hosts.dealtWith('slow')
  t.equal((await refreshAlone(other)).status, 200)
  t.equal((await refreshAlone(other)).status, 200)
  hosts.letGo('slow')
  t.equal((await slow).status, 200)
  await isStillSignedIn(t, page, later)
})
