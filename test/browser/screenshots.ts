// Pictures of every hosted page for a person to look at: phone and desktop, light and dark, plain and branded.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser } from 'playwright-core'
import type { Frame } from '../../services/identity/src/pages/page.ts'
import { everyPage, PLAIN_FRAME } from '../pages/every-page.ts'
import { locateChromium } from '../support/chromium.ts'
import { launchChromium } from './launch.ts'
import { servePages } from './page-server.ts'

const HELP = `Usage: node test/browser/screenshots.ts FOLDER [--only NAME]…

Writes a PNG of every hosted page into FOLDER, as NAME-FRAME-SIZE-SCHEME.png.

  --only NAME     this page alone (may be repeated)
  --brand COLOUR  the colour of the branded frame, #rrggbb (default #e4572e)
  --help          this text`

const SIZES = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } }

type Shot = { name: string; frame: string; url: string }

async function picture(browser: Browser, folder: string, shots: readonly Shot[]): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ viewport, colorScheme })
      const page = await context.newPage()
      await page.route('http://localhost:4200/**', (route) => route.abort())
      for (const { name, frame, url } of shots) {
        await page.goto(url, { waitUntil: 'load' }).catch(() => undefined)
        await page.screenshot({ path: join(folder, `${name}-${frame}-${size}-${colorScheme}.png`) })
      }
      await context.close()
    }
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true },
    brand: { type: 'string', default: '#e4572e' },
    help: { type: 'boolean', short: 'h' },
  },
})
const [folder] = positionals
if (values.help || folder === undefined) {
  console.log(HELP)
  process.exitCode = values.help ? 0 : 1
} else {
  const found = await locateChromium(console.log)
  if ('missing' in found) throw new Error(`There is no Chromium: ${found.missing}`)
  const branded: Frame = { ...PLAIN_FRAME, brand: { name: 'Acme Instruments', colour: values.brand, logoUrl: null } }
  const frames = { plain: everyPage(PLAIN_FRAME), branded: everyPage(branded) }
  await mkdir(folder, { recursive: true })
  const browser = await launchChromium(found.path)
  for (const [frame, pages] of Object.entries(frames)) {
    const server = await servePages(() => pages)
    const names = [...pages.keys()].filter((name) => !values.only || values.only.includes(name))
    const shots = names.map((name) => ({ name, frame, url: `${server.origin}/pages/${name}` }))
    await picture(browser, folder, shots)
    await server.stop()
  }
  await browser.close()
}
