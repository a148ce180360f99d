// The hosted pages in Chromium: under their own policy, by keyboard, on a small screen, in both colour schemes, and
// without script.
import axe from 'axe-core'
import type { BrowserContextOptions, Page as Tab } from 'playwright-core'
import t from 'tap'
import type { Frame, Page } from '../../services/identity/src/pages/page.ts'
import { everyPage, ORDINARY, PLAIN_FRAME } from '../pages/every-page.ts'
import { locateChromium } from '../support/chromium.ts'
import { axeOptions } from './axe-options.ts'
import { launchChromium } from './launch.ts'
import { type PageServer, servePages } from './page-server.ts'

t.setTimeout(240_000)

const BRANDED: Frame = {
  ...PLAIN_FRAME,
  brand: { name: 'Acme Instruments', colour: '#e4572e', logoUrl: null },
}
const SHAPES = /^(?!error-(?!internal)|context-many|form-post)/
const BRANDED_SHAPES = /^(address|code|account|context-few|sign-out|error-internal)$/
const LONG = {
  ...ORDINARY,
  clientName: 'Portalverwaltungsgesellschaft'.repeat(3),
  email: `${'a'.repeat(60)}@${'very-long-domain-name.'.repeat(6)}example`,
  orgName: 'Donaudampfschifffahrtsgesellschaft'.repeat(3),
  regionName: 'X'.repeat(80),
}

const found = await locateChromium((line) => t.comment(line))
if ('missing' in found) t.plan(0, `there is no Chromium: ${found.missing}`)
else await testInChromium(found.path)

async function testInChromium(path: string): Promise<void> {
  const browser = await launchChromium(path)
  let pages: ReadonlyMap<string, Page> = everyPage(PLAIN_FRAME)
  let redirectTo: string | null = null
  const server: PageServer = await servePages(
    () => pages,
    () => redirectTo,
  )
  t.teardown(async () => {
    await browser.close()
    await server.stop()
  })

  /** A tab that keeps what its policies refused, and never leaves this machine. */
  async function open(options: BrowserContextOptions = {}) {
    const context = await browser.newContext(options)
    const tab = await context.newPage()
    const violations: string[] = []
    tab.on('console', (message) => {
      if (/Content Security Policy|violates the following/.test(message.text())) violations.push(message.text())
    })
    await tab.route(/^(?!http:\/\/127\.0\.0\.1)/, (route) => route.fulfill({ body: 'the client' }))
    const visit = (name: string) => tab.goto(`${server.origin}/pages/${name}`)
    return { tab, violations, visit, close: () => context.close() }
  }

  const lastPost = () => server.posts.at(-1)

  t.test('no page offends its policy or scrolls sideways at 320 px, even with the longest names', async (t) => {
    const { tab, violations, visit, close } = await open({ viewport: { width: 320, height: 568 } })
    for (const [frame, words] of [
      [PLAIN_FRAME, ORDINARY],
      [BRANDED, LONG],
    ] as const) {
      pages = everyPage(frame, words)
      for (const name of pages.keys()) {
        await visit(name)
        const width = await tab.evaluate(() => document.documentElement.scrollWidth)
        t.equal(width, 320, `${name}: width`)
      }
    }
    t.strictSame(violations, [])
    await close()
  })

  t.test('what is pressed is 44 px or higher, fields do not zoom, and each stop of the Tab key shows', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, visit, close } = await open({ viewport: { width: 320, height: 568 } })
    for (const name of pages.keys()) {
      if (name === 'form-post') continue
      await visit(name)
      t.strictSame(await tooSmall(tab), [], `${name}: sizes`)
      if (name !== 'context-many') t.strictSame(await unseenStops(tab), [], `${name}: focus`)
    }
    await close()
  })

  t.test('axe finds nothing, in either colour scheme', async (t) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const { tab, visit, close } = await open({ colorScheme, bypassCSP: true })
      for (const frame of [PLAIN_FRAME, BRANDED]) {
        pages = everyPage(frame)
        // Pages of one shape differ in words alone, and a brand changes colours alone.
        const shapes = frame.brand ? BRANDED_SHAPES : SHAPES
        const names = [...pages.keys()].filter((name) => shapes.test(name))
        for (const name of names) {
          await visit(name)
          await tab.addScriptTag({ content: axe.source })
          t.strictSame(
            await axeFaults(tab, colorScheme),
            [],
            `${colorScheme}, ${frame.brand ? 'branded' : 'plain'}: ${name}`,
          )
        }
      }
      await close()
    }
  })

  t.test('a sign-in takes no mouse: an address and Enter, a code and nothing', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, violations, visit, close } = await open()
    await visit('address')
    await tab.locator('#email:focus').waitFor()
    await tab.keyboard.type('ada@acme.test')
    await posted(tab, () => tab.keyboard.press('Enter'))
    const { opaque } = ORDINARY
    t.strictSame(lastPost(), { path: '/sign-in', fields: { csrf: opaque, request: opaque, email: 'ada@acme.test' } })

    await visit('code')
    await tab.locator('#otp:focus').waitFor()
    await posted(tab, () => tab.keyboard.type('123456'))
    t.strictSame(lastPost(), { path: '/sign-in/code', fields: { csrf: opaque, flow: opaque, otp: '123456' } })

    await visit('code-wrong')
    await tab.locator('#otp:focus').waitFor()
    const sent = server.posts.length
    await tab.keyboard.type('12345')
    await tab.keyboard.press('Backspace')
    t.equal(server.posts.length, sent, 'an unfinished code is not sent')
    await tab.keyboard.press('ControlOrMeta+a')
    await posted(tab, () => tab.keyboard.insertText(' 123-456 '))
    t.equal(lastPost()?.fields['otp'], ' 123-456 ')

    await visit('account')
    await tab.keyboard.press('Tab')
    await posted(tab, () => tab.keyboard.press('Enter'))
    t.equal(lastPost()?.fields['choice'], 'continue')

    await visit('context-few')
    await tab.keyboard.press('Tab')
    await tab.keyboard.press('Tab')
    await posted(tab, () => tab.keyboard.press('Space'))
    t.equal(lastPost()?.fields['context'], '0199aa00-0000-7000-8000-000000000000 us')

    await visit('sign-out')
    await tab.keyboard.press('Tab')
    await tab.keyboard.press('Tab')
    await posted(tab, () => tab.keyboard.press('Enter'))
    t.strictSame(lastPost()?.fields, { csrf: opaque, request: ORDINARY.foreign, confirm: 'all' })
    t.strictSame(violations, [])
    await close()
  })

  t.test('a long list of places is narrowed by typing, and the first that is left is one Enter away', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, visit, close } = await open()
    await visit('context-many')
    const shown = () => tab.locator('button:visible').count()
    t.equal(await shown(), 200)
    await tab.keyboard.press('Tab')
    await tab.keyboard.type('ORGANIZATION 12 stat')
    t.equal(await shown(), 1)
    await tab.getByText('1 place is shown.').waitFor()
    await tab.keyboard.type('x')
    t.equal(await shown(), 0)
    await tab.getByText('Nothing fits.').waitFor()
    await tab.keyboard.press('Backspace')
    await tab.keyboard.press('Enter')
    await posted(tab, () => tab.keyboard.press('Enter'))
    t.equal(lastPost()?.fields['context'], '0199aa00-0000-7000-8000-000000000012 us')
    await close()
  })

  t.test('a form that is sent twice arrives once', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, visit, close } = await open()
    await visit('account')
    const before = server.posts.length
    await posted(tab, () =>
      tab.evaluate(() => {
        const button = document.querySelector<HTMLButtonElement>('button[value=continue]')
        button?.click()
        button?.click()
        document.querySelector<HTMLButtonElement>('button[value=other]')?.click()
      }),
    )
    t.equal(server.posts.length, before + 1)
    t.equal(lastPost()?.fields['choice'], 'continue')
    await tab.goBack()
    await posted(tab, () => tab.click('button[value=other]'))
    t.equal(lastPost()?.fields['choice'], 'other', 'and again after coming back')
    await close()
  })

  t.test('another code can be asked for when the wait is over, which is announced once', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, visit, close } = await open()
    await tab.clock.install()
    await visit('code')
    const button = tab.getByRole('button', { name: 'Send another code' })
    t.equal(await button.isDisabled(), true)
    await tab.clock.runFor(20_000)
    t.match(await tab.locator('.wait').textContent(), /in (40|41) seconds/)
    t.equal(await tab.getByRole('status').textContent(), '')
    await tab.clock.runFor(41_000)
    t.equal(await button.isDisabled(), false)
    t.equal(await tab.locator('.wait').textContent(), '')
    t.equal(await tab.getByRole('status').textContent(), 'You can ask for another code now.')
    await posted(tab, () => button.click())
    t.equal(lastPost()?.path, '/sign-in/resend')
    await close()
  })

  t.test('without script all of it works', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, violations, visit, close } = await open({ javaScriptEnabled: false })
    const press = async (page: string, button: string, fill?: [field: string, text: string]) => {
      await visit(page)
      if (fill) await tab.fill(...fill)
      await posted(tab, () => tab.getByRole('button', { name: button, exact: true }).click())
      return lastPost()
    }
    t.equal((await press('address', 'Send me a code', ['#email', 'a@b.test']))?.fields['email'], 'a@b.test')
    t.equal((await press('code', 'Sign in', ['#otp', '123 456']))?.fields['otp'], '123 456')
    t.equal((await press('code', 'Send another code'))?.path, '/sign-in/resend', 'the wait is the server’s to keep')
    t.equal((await press('stop-code', 'Send another code'))?.fields['email'], ORDINARY.email)
    t.equal((await press('sign-out', 'Sign out on this browser'))?.fields['confirm'], 'this')
    t.equal((await press('context-many', 'India Manager'))?.path, '/sign-in/context')
    await visit('context-many')
    t.equal(await tab.locator('input[type=search]').isVisible(), false, 'nothing to filter with is shown')
    await visit('sign-out')
    t.equal(await tab.getByText('just close this page').isVisible(), true)
    await visit('form-post')
    await tab.getByRole('button', { name: 'Continue' }).click()
    await tab.waitForURL('http://localhost:4200/callback')
    t.strictSame(violations, [])
    await close()
  })

  t.test('an answer goes to the client by itself, even where a field is named like a method of the form', async (t) => {
    pages = everyPage(PLAIN_FRAME)
    const { tab, violations, visit, close } = await open()
    const request = tab.waitForRequest('http://localhost:4200/callback')
    await visit('form-post').catch(() => undefined)
    const fields = new URLSearchParams((await request).postData() ?? '')
    t.strictSame(Object.fromEntries(fields), { code: ORDINARY.foreign, submit: ORDINARY.foreign })
    t.strictSame(violations, [])
    await close()
  })

  t.test('a form ends at its client, or nowhere', async (t) => {
    for (const [target, allowed] of [
      ['https://app.example', true],
      ['http://[::1]:49152', true],
      ['com.example.app:', true],
      ['https://evil.example', false],
      ['com.example.other:', false],
    ] as const) {
      const { tab, violations, visit, close } = await open()
      const formTargets = allowed ? [target] : ['https://app.example', 'com.example.app:']
      pages = everyPage({ ...PLAIN_FRAME, formTargets })
      redirectTo = `${target}/callback?code=1`
      await visit('account')
      const button = tab.locator('button[value=continue]')
      if (!allowed) {
        const refusal = tab.waitForEvent('console')
        await button.click({ noWaitAfter: true })
        await refusal
      } else if (target.startsWith('http')) {
        await button.click()
        await tab.waitForURL(redirectTo)
      } else {
        // The browser hands the URL to the system, and stays where it is.
        const handed = tab.waitForEvent('requestfailed')
        await button.click({ noWaitAfter: true })
        await handed
        await visit('address')
      }
      t.equal(violations.length > 0, !allowed, `${target}: ${violations[0] ?? 'no violation'}`)
      await close()
    }
    redirectTo = null
  })
}

/** Acts, and waits until the answer to the form has taken the place of the page. */
async function posted(tab: Tab, act: () => Promise<unknown>): Promise<void> {
  await act()
  await tab.waitForURL(({ pathname }) => !pathname.startsWith('/pages/'))
}

function tooSmall(tab: Tab): Promise<string[]> {
  return tab.evaluate(() => {
    const faults: string[] = []
    for (const element of document.querySelectorAll<HTMLElement>('button, a, input:not([type=hidden])')) {
      const { height, width } = element.getBoundingClientRect()
      if (height === 0) continue
      if (height < 44 || width < 44) faults.push(`${element.outerHTML.slice(0, 60)}: ${width}×${height}`)
      const size = Number.parseFloat(getComputedStyle(element).fontSize)
      if (element.localName === 'input' && size < 16) faults.push(`${element.outerHTML.slice(0, 60)}: ${size}px`)
    }
    return faults
  })
}

/** Goes through the page by Tab until it comes round; answers the stops that have no outline. */
async function unseenStops(tab: Tab): Promise<string[]> {
  const unseen: string[] = []
  const stops = await tab.locator('button:visible:enabled, a:visible, input:visible').count()
  for (let stop = 0; stop < stops; stop++) {
    await tab.keyboard.press('Tab')
    const fault = await tab.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return null
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const visible = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2
      return visible ? null : element.outerHTML.slice(0, 80)
    })
    if (fault !== null) unseen.push(fault)
  }
  return unseen
}

/** What axe is sure of, and every contrast that it could not measure. */
function axeFaults(tab: Tab, colorScheme: 'light' | 'dark'): Promise<string[]> {
  return tab.evaluate(async (options) => {
    type Finding = { id: string; nodes: { html: string; failureSummary?: string }[] }
    type Axe = { run(options: object): Promise<{ violations: Finding[]; incomplete: Finding[] }> }
    const injected = globalThis as unknown as { axe: Axe }
    const { violations, incomplete } = await injected.axe.run(options)
    const unsure = incomplete.filter(({ id }) => id === 'color-contrast')
    return [...violations, ...unsure].flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 100)} ${failureSummary ?? ''}`),
    )
  }, axeOptions(colorScheme))
}
