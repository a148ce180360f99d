// The API reference in Chromium: under its own policy, on a small screen, in both colour schemes, by keyboard, and
// without script.
import axe from 'axe-core'
import type { BrowserContextOptions } from 'playwright-core'
import t from 'tap'
import { buildDocument } from '../../services/identity/src/http/openapi/document.ts'
import { renderApiReference } from '../../services/identity/src/pages/api-reference-page.ts'
import { locateChromium } from '../support/chromium.ts'
import { launchChromium } from './launch.ts'
import { servePages } from './page-server.ts'

t.setTimeout(120_000)

const found = await locateChromium((line) => t.comment(line))
if ('missing' in found) t.plan(0, `there is no Chromium: ${found.missing}`)
else await testInChromium(found.path)

async function testInChromium(path: string): Promise<void> {
  const browser = await launchChromium(path)
  const description = buildDocument({ issuer: 'https://id.example.com', productName: 'Meridian' })
  const server = await servePages(
    () => new Map([['reference', renderApiReference(description, { productName: 'Meridian' })]]),
  )
  t.teardown(async () => {
    await browser.close()
    await server.stop()
  })

  async function open(options: BrowserContextOptions = {}, fragment = '') {
    const context = await browser.newContext(options)
    const tab = await context.newPage()
    const complaints: string[] = []
    tab.on('console', (message) => void complaints.push(message.text()))
    tab.on('pageerror', (error) => void complaints.push(String(error)))
    await tab.goto(`${server.origin}/pages/reference${fragment}`)
    return { tab, complaints, close: () => context.close() }
  }

  t.test('nothing offends its policy or scrolls sideways at 320 px, with all of it opened', async (t) => {
    const { tab, complaints, close } = await open({ viewport: { width: 320, height: 568 } })
    await tab.evaluate(() => {
      for (const part of document.querySelectorAll('details')) part.open = true
    })
    t.equal(await tab.evaluate(() => document.documentElement.scrollWidth), 320)
    t.strictSame(complaints, [])
    await close()
  })

  /** With all of it opened. Where nothing is named: of the whole page. */
  async function axeFaults(
    colorScheme: 'light' | 'dark',
    parts: readonly string[],
    options: object,
  ): Promise<string[]> {
    const { tab, close } = await open({ colorScheme, bypassCSP: true, viewport: { width: 1280, height: 800 } })
    await tab.evaluate(() => {
      for (const part of document.querySelectorAll('details')) part.open = true
    })
    await tab.addScriptTag({ content: axe.source })
    const faults = await tab.evaluate(
      async ({ parts, options }) => {
        const { axe } = window as unknown as {
          axe: {
            run(on: object, options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
          }
        }
        const on = parts.length === 0 ? document : { include: parts.map((part) => [part]) }
        const { violations } = await axe.run(on, { ...options, resultTypes: ['violations'] })
        return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)}`)
      },
      { parts, options },
    )
    await close()
    return faults
  }

  t.test('axe finds nothing in all of it', async (t) => {
    t.strictSame(await axeFaults('light', [], { rules: { 'color-contrast': { enabled: false } } }), [])
  })

  // A quarter of a minute for all of it, and every area is made by the same few functions.
  t.test('what is written stands out, in either colour scheme', async (t) => {
    const parts = ['.aside', 'section:not([data-area])', 'section[data-area]:nth-of-type(-n + 3)']
    for (const colorScheme of ['light', 'dark'] as const)
      t.strictSame(await axeFaults(colorScheme, parts, { runOnly: ['color-contrast'] }), [], colorScheme)
  })

  t.test('typing a word leaves the operations that hold it, and clearing the field brings all back', async (t) => {
    const { tab, complaints, close } = await open()
    const shown = () =>
      tab.evaluate(() => [...document.querySelectorAll('[data-operation]:not([hidden])')].map(({ id }) => id))
    const all = await shown()
    await tab.keyboard.press('/')
    await tab.keyboard.type('client_id_taken')
    t.strictSame(await shown(), ['createClient'])
    t.equal(await tab.locator('.aside li a:visible').count(), 1, 'and in the contents')
    await tab.locator('[data-told]', { hasText: '1 found' }).waitFor()
    await tab.locator('#filter').fill('')
    t.strictSame(await shown(), all)
    t.strictSame(complaints, [])
    await close()
  })

  t.test('without script all of it is there, and no field that would do nothing', async (t) => {
    const { tab, close } = await open({ javaScriptEnabled: false, viewport: { width: 390, height: 844 } }, '#createOrg')
    t.notOk(await tab.locator('#filter').isVisible())
    t.ok(await tab.locator('#createOrg h3').isVisible())
    t.notOk(await tab.locator('#createOrg table th code', { hasText: 'slug_taken' }).isVisible())
    await tab.locator('#createOrg summary', { hasText: 'Errors' }).click()
    t.ok(await tab.locator('#createOrg table th code', { hasText: 'slug_taken' }).isVisible())
    await close()
  })
}
