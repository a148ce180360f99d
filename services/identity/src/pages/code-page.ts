import { CODE_SCRIPT } from './browser-script.ts'
import { codeField, errorMessage, hiddenFields, otherWays, resendForm } from './form.ts'
import { html, named, plain } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { count, textsFor } from './texts.ts'

export type CodeView = {
  readonly csrf: string
  readonly flow: string
  readonly email: string
  readonly clientName: string
  readonly error: 'wrong_code' | null
  readonly resendInSeconds: number
  readonly expiresInMinutes: number
  readonly otherAddressUrl: string
  readonly cancelUrl: string | null
}

/** Says the same whether the address has an account or not. */
export function renderCode(frame: Frame, view: CodeView): Page {
  const texts = textsFor(frame.language)
  const { title, sentTo, validFor, spam, check, wrongCode, otherAddress } = texts.code
  const error = view.error && wrongCode
  const fields = { csrf: view.csrf, flow: view.flow }
  return renderPage(frame, {
    title,
    hasError: error !== null,
    script: CODE_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${sentTo(named(view.email))}</p>
<form method="post" action="/sign-in/code">
${hiddenFields(fields)}
${errorMessage(error)}
${codeField(texts, error)}
<button>${check}</button>
<p class="note">${count(texts, validFor, view.expiresInMinutes)} ${spam}</p>
</form>
${resendForm(texts, '/sign-in/resend', fields, view.resendInSeconds)}
${otherWays(
  { href: view.otherAddressUrl, text: otherAddress },
  { href: view.cancelUrl, text: texts.frame.cancel(plain(view.clientName)) },
)}`,
  })
}
