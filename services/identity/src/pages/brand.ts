import { type Html, html, named } from './html.ts'
import { type InlineCode, inlineCode } from './inline-code.ts'
import { sourceOf } from './links.ts'

export type Mark = { readonly header: Html; readonly imageOrigin: string | null }

/** What stands at the top of a page: the organization's logo and name, or the product's. */
export function brandMark(brand: { name: string; logoUrl: string | null } | null, productName: string): Mark {
  if (!brand) return { header: html`<p class="mark">${named(productName)}</p>`, imageOrigin: null }
  const imageOrigin = brand.logoUrl?.startsWith('https://') ? sourceOf(brand.logoUrl) : null
  const logo = imageOrigin ? html`<img src="${brand.logoUrl}" alt="" height="40" referrerpolicy="no-referrer">` : null
  return { header: html`<p class="mark">${logo}${named(brand.name)}</p>`, imageOrigin }
}

export function brandStyle(colour: string): InlineCode | null {
  if (!/^#[0-9a-f]{6}$/i.test(colour)) return null
  return inlineCode(`:root{--accent:${colour.toLowerCase()}}`)
}
