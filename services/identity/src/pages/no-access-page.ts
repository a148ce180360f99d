import { otherWays } from './form.ts'
import { html, named, plain } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type NoAccessView = {
  readonly clientName: string
  readonly email: string
  readonly otherAccountUrl: string
  readonly cancelUrl: string | null
}

export function renderNoAccess(frame: Frame, view: NoAccessView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, advice } = texts.noAccess
  return renderPage(frame, {
    title,
    content: html`<h1>${title}</h1>
<p class="lead">${lead(named(view.email), named(view.clientName))}</p>
<p>${advice}</p>
${otherWays(
  { href: view.otherAccountUrl, text: texts.frame.otherAccount },
  { href: view.cancelUrl, text: texts.frame.cancel(plain(view.clientName)) },
)}`,
  })
}
