import { html } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

/** Where the mail of an invitation leads: the same for everybody, since the mail carries nothing to know them by. */
export function renderInvited(frame: Frame): Page {
  const { title, lead, advice } = textsFor(frame.language).invited
  return renderPage(frame, {
    title,
    content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
<p>${advice}</p>`,
  })
}
