import { html, plain } from './html.ts'
import { safeUrl } from './links.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type SignedOutView = { readonly clientName: string | null; readonly returnUrl: string | null }

export function renderSignedOut(frame: Frame, view: SignedOutView): Page {
  const { title, lead, advice, back, backUnnamed } = textsFor(frame.language).signedOut
  const returnUrl = view.returnUrl === null ? null : safeUrl(view.returnUrl)
  const text = view.clientName === null ? backUnnamed : back(plain(view.clientName))
  return renderPage(frame, {
    title,
    content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
<p>${advice}</p>
${returnUrl === null ? null : html`<p><a class="button" href="${returnUrl}">${text}</a></p>`}`,
  })
}
