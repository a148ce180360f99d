// oidc-client-ts as npm has it, in a real browser, as the client `spa-standard` of the local stack: its origin is one,
// the issuer's another, the regional API's a third.
import type { SignoutResponse, User, UserManager } from 'oidc-client-ts'
import type { BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchChromium } from '../../browser/launch.ts'
import { dataFolder, freePorts, portFlags, type StackPorts, startedStack } from '../../support/stack.ts'
import { APP_ORIGIN, serveApp } from './app.ts'

const chromium = process.env['TEST_CHROMIUM']
const skip = chromium === undefined ? 'no Chromium: set TEST_CHROMIUM' : false
t.setTimeout(300_000)

const EMAIL = 'lin@acme.test'
/** Of the app's page. */
declare const manager: UserManager
declare const regional: UserManager

type Signed = Pick<User, 'access_token' | 'profile' | 'expired'> & { readonly hasRefreshToken: boolean }

const addressOf = (port: number) => `http://localhost:${port}`

/** What a page may not do: break its own policy, or show a credential in its address. */
async function openContext(t: Test, issuer: string): Promise<{ context: BrowserContext; complaints: string[] }> {
  const browser = await launchChromium(chromium ?? '', [await serveApp(t, issuer)])
  t.teardown(() => browser.close())
  const context = await browser.newContext()
  const complaints: string[] = []
  context.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`${message.text()} at ${message.page()?.url()}`)
  })
  await context.exposeFunction('complain', (what: string) => void complaints.push(what))
  await context.addInitScript(`addEventListener('securitypolicyviolation', (event) =>
    complain(event.violatedDirective + ' by ' + event.blockedURI + ' at ' + location.href))`)
  const judge = (url: string) => {
    if (/access_token|id_token=|refresh_token/.test(url)) complaints.push(`a token in an address: ${url}`)
  }
  context.on('request', (request) => judge(request.url()))
  // With the fragment, which requests do not have.
  context.on('page', (page) => page.on('framenavigated', (frame) => judge(frame.url())))
  return { context, complaints }
}

async function codeFromMail(ports: StackPorts): Promise<string> {
  for (;;) {
    const reply = await fetch(`${addressOf(ports.mail)}/messages?to=${encodeURIComponent(EMAIL)}`)
    const [newest] = (await reply.json()) as { text: string }[]
    const code = /\b[0-9]{6}\b/.exec(newest?.text ?? '')?.[0]
    if (code !== undefined) return code
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** At the hosted pages: address, then the mailed code, which sends itself once it is complete. */
async function signInAtPages(page: Page, ports: StackPorts): Promise<void> {
  await page.locator('input[name=email]').fill(EMAIL)
  await page.locator('form[action="/sign-in"] button').first().click()
  await page.waitForURL(/\/sign-in\/code\?/)
  await page.locator('input[name=otp]').fill(await codeFromMail(ports))
}

/** What every app does with its callback, and then it takes the code out of its address. */
const finishSignIn = (page: Page) =>
  page.evaluate<Signed>(async () => {
    const user = await manager.signinRedirectCallback()
    globalThis.history.replaceState(null, '', '/')
    const { access_token, profile, expired, refresh_token } = user
    return { access_token, profile, expired, hasRefreshToken: refresh_token !== undefined }
  })

const refresh = (page: Page, target?: { resource: string; org_id: string }) =>
  page.evaluate(async (wanted) => {
    if (wanted === undefined) return (await manager.signinSilent())?.access_token ?? ''
    const { resource, org_id } = wanted
    const user = await regional.signinSilent({ resource, extraTokenParams: { org_id } })
    return user?.access_token ?? ''
  }, target)

const call = (page: Page, url: string, token: string) =>
  page.evaluate(
    async ([address, bearer]) => {
      const reply = await fetch(address, { headers: { authorization: `Bearer ${bearer}` } })
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
    },
    [url, token] as const,
  )

t.test('oidc-client-ts signs in, refreshes, calls the APIs and signs out, across origins', { skip }, async (t) => {
  const ports = await freePorts()
  await startedStack(t, ['--data', await dataFolder(t), ...portFlags(ports)])
  const issuer = addressOf(ports.identity)
  const { context, complaints } = await openContext(t, issuer)
  const page = await context.newPage()
  await page.goto(`${APP_ORIGIN}/`)

  await page.evaluate(() => void manager.signinRedirect())
  await page.waitForURL(`${issuer}/sign-in?**`)
  await signInAtPages(page, ports)
  await page.waitForURL(`${APP_ORIGIN}/callback?**`)
  t.match([...new URL(page.url()).searchParams.keys()].sort().join(' '), 'code iss state')
  const signed = await finishSignIn(page)
  t.match(signed, {
    expired: false,
    hasRefreshToken: true,
    profile: { email: EMAIL, iss: issuer, aud: 'spa-standard' },
  })
  t.equal(page.url(), `${APP_ORIGIN}/`)

  t.match(await call(page, `${issuer}/v1/me`, signed.access_token), { status: 200 })
  const region = { resource: addressOf(ports.in), org_id: 'acme' }
  const regionToken = await refresh(page, region)
  t.match(await call(page, `${region.resource}/v1/me/context`, regionToken), { status: 200 })
  t.match(await call(page, `${region.resource}/v1/me/context`, signed.access_token), { status: 401 })
  const renewed = await refresh(page)
  t.not(renewed, signed.access_token)
  t.match(await call(page, `${issuer}/v1/me`, renewed), { status: 200 })

  await page.evaluate(() => manager.revokeTokens())
  t.match(await call(page, `${issuer}/v1/me`, renewed), { status: 401 })

  await page.evaluate(() => void manager.signinRedirect())
  await page.waitForURL(`${APP_ORIGIN}/callback?**`)
  const again = await finishSignIn(page)
  t.equal(again.profile.sub, signed.profile.sub, 'the browser is signed in: no page')

  await page.evaluate(() => void manager.signoutRedirect({ state: 'bye' }))
  await page.waitForURL(`${APP_ORIGIN}/?**`)
  const out = await page.evaluate<SignoutResponse>(() => manager.signoutRedirectCallback())
  t.equal(out.userState, 'bye')
  t.match(await call(page, `${issuer}/v1/me`, again.access_token), { status: 401 })
  t.equal(await page.evaluate(async () => (await manager.getUser()) === null), true)

  await page.evaluate(() => void manager.signinRedirect({ prompt: 'none' }))
  await page.waitForURL(`${APP_ORIGIN}/callback?**`)
  const refused = await page.evaluate(() => manager.signinRedirectCallback().catch((error) => error.error))
  t.equal(refused, 'login_required')
  const expected = complaints.filter((line) => !/status of 40[01] /.test(line))
  t.strictSame(expected, [], 'no policy was broken, no credential was in an address')
})
