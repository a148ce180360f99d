import { FORM_SCRIPT } from './browser-script.ts'
import { emailField, errorMessage, hiddenFields, otherWays } from './form.ts'
import { html, named, plain } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type AddressView = {
  readonly csrf: string
  readonly request: string
  readonly clientName: string
  readonly email: string | null
  readonly error: 'not_an_address' | 'too_many' | null
  readonly cancelUrl: string | null
}

export function renderAddress(frame: Frame, view: AddressView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, noPassword, send, notAnAddress, tooMany } = texts.address
  const error = view.error && { not_an_address: notAnAddress, too_many: tooMany }[view.error]
  return renderPage(frame, {
    title,
    hasError: error !== null,
    script: FORM_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${lead(named(view.clientName))}</p>
<form method="post" action="/sign-in">
${hiddenFields({ csrf: view.csrf, request: view.request })}
${errorMessage(error)}
${emailField(texts, view.email, error)}
<button>${send}</button>
<p class="note">${noPassword}</p>
</form>
${otherWays({ href: view.cancelUrl, text: texts.frame.cancel(plain(view.clientName)) })}`,
  })
}
