// An organization's look on our pages: its logo and name, and its colour as far as people can read it.
import { type Html, html, named, plain } from './html.ts'
import { type InlineCode, inlineCode } from './inline-code.ts'
import { safeUrl, sourceOf } from './links.ts'
import { SURFACES } from './style.ts'

export type Mark = { readonly header: Html; readonly imageOrigin: string | null }

/** The globe with its meridian: the product's own sign. */
export const SIGN = html`<svg class="sign" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><circle cx="12" cy="12" r="10"/><path d="M12 2c6 5.5 6 14.5 0 20"/><circle class="here" cx="16.4" cy="12" r="2.2"/></svg>`

/** What stands at the top of a page: the organization's logo and name, or the product's. */
export function brandMark(brand: { name: string; logoUrl: string | null } | null, productName: string): Mark {
  if (!brand) return { header: html`<p class="mark">${SIGN} ${named(productName)}</p>`, imageOrigin: null }
  const logoUrl = brand.logoUrl === null ? null : safeUrl(brand.logoUrl)
  const imageOrigin = logoUrl === null ? null : imageSourceOf(logoUrl)
  if (imageOrigin === null) {
    const initial = Array.from(plain(brand.name))[0]?.toUpperCase() ?? ''
    const tile = html`<span class="tile" aria-hidden="true">${initial}</span>`
    return { header: html`<p class="mark">${tile} ${named(brand.name)}</p>`, imageOrigin: null }
  }
  const logo = html`<img src="${logoUrl}" alt="" height="40" referrerpolicy="no-referrer">`
  return { header: html`<p class="mark">${logo} ${named(brand.name)}</p>`, imageOrigin }
}

function imageSourceOf(logoUrl: string): string | null {
  if (logoUrl.startsWith('/assets/')) return "'self'"
  return logoUrl.startsWith('https://') ? sourceOf(logoUrl) : null
}

const MAX_REMEMBERED = 500
const remembered = new Map<string, InlineCode | null>()

/** The style that carries a colour (#rrggbb) into both colour schemes; null where it would be readable in neither. */
export function brandStyle(colour: string): InlineCode | null {
  const known = remembered.get(colour)
  if (known !== undefined) return known
  if (remembered.size >= MAX_REMEMBERED) remembered.clear()
  const style = deriveStyle(colour)
  remembered.set(colour, style)
  return style
}

type Rgb = readonly [number, number, number]

const WHITE: Rgb = [255, 255, 255]
const BLACK: Rgb = [0, 0, 0]
/** WCAG 2.2 §1.4.11: a control against what is around it. */
const CONTROL_CONTRAST = 3
/** WCAG 2.2 §1.4.3, and a little for the tints that text may stand on. */
const TEXT_CONTRAST = 4.8
/** A colour that must change more than this is no longer theirs. */
const MAX_CHANGE = 0.4

function deriveStyle(colour: string): InlineCode | null {
  const rgb = parseColour(colour)
  if (!rgb) return null
  const light = declarations(rgb, SURFACES.light, BLACK)
  const dark = declarations(rgb, SURFACES.dark, WHITE)
  const rules = [
    light && `@media not all and (prefers-color-scheme:dark){:root{${light}}}`,
    dark && `@media (prefers-color-scheme:dark){:root{${dark}}}`,
  ].filter((rule) => rule !== null)
  return rules.length === 0 ? null : inlineCode(rules.join(''))
}

function declarations(colour: Rgb, surface: string, towards: Rgb): string | null {
  const behind = parseColour(surface) ?? WHITE
  const accent = nearest(colour, towards, (mixed) => contrast(mixed, behind) >= CONTROL_CONTRAST, MAX_CHANGE)
  const text = nearest(colour, towards, (mixed) => contrast(mixed, behind) >= TEXT_CONTRAST, 1)
  if (!accent || !text) return null
  // One of the two always reaches 4.5: their product is 21.
  const onAccent = contrast(WHITE, accent) >= TEXT_CONTRAST ? WHITE : BLACK
  return `--accent:${written(accent)};--on-accent:${written(onAccent)};--accent-text:${written(text)}`
}

/** The least change of a colour in one direction that does. */
function nearest(colour: Rgb, towards: Rgb, does: (mixed: Rgb) => boolean, maxChange: number): Rgb | null {
  for (let percent = 0; percent <= maxChange * 100; percent++) {
    const mixed = mix(colour, towards, percent / 100)
    if (does(mixed)) return mixed
  }
  return null
}

function mix([red, green, blue]: Rgb, towards: Rgb, part: number): Rgb {
  const between = (from: number, to: number) => Math.round(from + (to - from) * part)
  return [between(red, towards[0]), between(green, towards[1]), between(blue, towards[2])]
}

function parseColour(text: string): Rgb | null {
  if (!/^#[0-9a-f]{6}$/i.test(text)) return null
  const channel = (at: number) => Number.parseInt(text.slice(at, at + 2), 16)
  return [channel(1), channel(3), channel(5)]
}

function written(colour: Rgb): string {
  return `#${colour.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`
}

/** WCAG 2.2, "contrast ratio". */
function contrast(one: Rgb, other: Rgb): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (lighter + 0.05) / (darker + 0.05)
}

function luminance(colour: Rgb): number {
  const [red = 0, green = 0, blue = 0] = colour.map((channel) => {
    const part = channel / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
