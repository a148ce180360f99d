// Cookie transport over plain http on this machine's hosts: ports of localhost are one site, names under it are not.
// What a cross-site page may not do costs nobody their sign-in.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { registrySchema } from '../../services/identity/src/directory/registry.ts'
import { embeddedPlace } from '../support/databases.ts'
import { authorizationUrl } from '../support/hosted-browser.ts'
import { codeMailedTo, registry, startIdentity } from '../support/identity.ts'
import { freePort } from '../support/identity-process.ts'
import { launchChromium } from './launch.ts'

const chromium = process.env['TEST_CHROMIUM']
const skip = chromium === undefined ? 'no Chromium: set TEST_CHROMIUM' : false

type Answer = { status: number; body: Record<string, unknown> }

async function servePage(t: Test): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>An app</title>')
  })
  server.listen(0)
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { server, port: (server.address() as AddressInfo).port }
}

/** What the app's page sends, from wherever it was loaded. */
const send = (page: Page, issuer: string, form: Record<string, string>) =>
  page.evaluate<Answer, [string, Record<string, string>]>(
    async ([url, fields]) => {
      const key = Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => byte.toString(16).padStart(2, '0'))
      const reply = await fetch(`${url}/oauth/token`, {
        method: 'POST',
        credentials: 'include',
        body: new URLSearchParams({ client_id: 'spa', ...fields }),
        headers: { 'x-meridian-request': '1', 'idempotency-key': key.join('') },
      })
      return { status: reply.status, body: await reply.json() }
    },
    [issuer, form],
  )

t.test('cookie transport on the local hosts, same-site and cross-site', { skip }, async (t) => {
  const { port } = await servePage(t)
  const idPort = await freePort()
  const issuer = `http://localhost:${idPort}`
  const sameSite = `http://localhost:${port}`
  const crossSite = `http://app.localhost:${port}`
  const stranger = `http://other.localhost:${port}`
  const local = registrySchema.parse({
    regions: registry.regions,
    clients: registry.clients.map((client) =>
      client.id === 'spa'
        ? {
            ...client,
            allowed_origins: [sameSite, crossSite],
            redirect_uris: [`${sameSite}/callback`, 'https://app.example.test/callback'],
          }
        : client,
    ),
  })
  const identity = await startIdentity(t, await embeddedPlace('identity'), { registry: local, settings: { issuer } })
  await identity.app.listen({ host: '127.0.0.1', port: idPort })
  const browser = await launchChromium(chromium ?? '')
  t.teardown(() => browser.close())
  const context = await browser.newContext()
  const page = await context.newPage()
  const asked = authorizationUrl({ redirect_uri: `${sameSite}/callback` })
  await page.goto(`${issuer}${asked.url}`)
  await page.fill('input[name=email]', 'lin@acme.test')
  await page.keyboard.press('Enter')
  await page.waitForSelector('input[name=otp]')
  const otp = await codeMailedTo(identity, 'lin@acme.test')
  await page.fill('input[name=otp]', otp)
  await page.waitForURL(`${sameSite}/callback?**`)
  const code = new URL(page.url()).searchParams.get('code') ?? ''
  const redeemed = await send(page, issuer, {
    grant_type: 'authorization_code',
    code,
    code_verifier: asked.verifier,
    redirect_uri: `${sameSite}/callback`,
  })
  t.equal(redeemed.status, 200, JSON.stringify(redeemed.body))
  const refresh = { grant_type: 'refresh_token' }
  t.equal((await send(page, issuer, refresh)).status, 200, 'the same site: the cookie comes along')

  const other = await context.newPage()
  await other.goto(crossSite)
  const refused = await send(other, issuer, refresh)
  t.match(refused, { status: 400, body: { error: 'invalid_grant' } }, 'another site: SameSite=Strict keeps it home')
  await other.goto(stranger)
  const blocked = await send(other, issuer, refresh).catch((error: Error) => error.message)
  t.match(blocked, /Failed to fetch/, 'an origin that is not registered reads nothing')
  await other.goto(`${issuer}${authorizationUrl({ redirect_uri: `${sameSite}/callback`, prompt: 'none' }).url}`)
  t.ok(new URL(other.url()).searchParams.get('code'), 'the sign-on comes along with a navigation')
  t.equal((await send(page, issuer, refresh)).status, 200, 'and nobody was signed out by any of it')

  const jar = await context.cookies(issuer)
  for (const cookie of jar) {
    t.match(cookie, { secure: true, httpOnly: true, path: '/', domain: 'localhost' }, cookie.name)
    t.equal(cookie.sameSite, cookie.name.includes('refresh') ? 'Strict' : 'Lax', cookie.name)
  }
  const stored = await page.evaluate(() =>
    JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
  )
  t.equal(stored, '[{},{},""]', 'scripts hold nothing')
})
