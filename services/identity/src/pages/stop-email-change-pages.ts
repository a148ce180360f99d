// The pages that stop a change of a person's email address, or undo one, from the address that the account had.
// No sign-in is needed, since the account may be in other hands: the old address proves itself with a code.
import { CODE_SCRIPT, FORM_SCRIPT } from './browser-script.ts'
import { codeField, emailField, errorMessage, hiddenFields, resendForm } from './form.ts'
import { html, named } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type StopAddressView = {
  readonly csrf: string
  readonly email: string | null
  readonly error: 'not_an_address' | 'too_many' | null
}

export function renderStopAddress(frame: Frame, view: StopAddressView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, send } = texts.stop
  const error =
    view.error && { not_an_address: texts.address.notAnAddress, too_many: texts.address.tooMany }[view.error]
  return renderPage(frame, {
    title,
    hasError: error !== null,
    script: FORM_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
<form method="post" action="/email-change/stop">
${hiddenFields({ csrf: view.csrf })}
${errorMessage(error)}
${emailField(texts, view.email, error)}
<button>${send}</button>
</form>`,
  })
}

export type StopCodeView = {
  readonly csrf: string
  readonly flow: string
  readonly email: string
  readonly error: 'wrong_code' | null
  readonly resendInSeconds: number
}

/** Another code is asked for as the first one was, with the address, and names the flow that it goes on with. */
export function renderStopCode(frame: Frame, view: StopCodeView): Page {
  const texts = textsFor(frame.language)
  const { codeLead, confirm, wrongCode } = texts.stop
  const error = view.error && wrongCode
  return renderPage(frame, {
    title: texts.code.title,
    hasError: error !== null,
    script: CODE_SCRIPT,
    content: html`<h1>${texts.code.title}</h1>
<p class="lead">${codeLead(named(view.email))}</p>
<form method="post" action="/email-change/stop/code">
${hiddenFields({ csrf: view.csrf, flow: view.flow })}
${errorMessage(error)}
${codeField(texts, error)}
<button>${confirm}</button>
</form>
${resendForm(texts, '/email-change/stop', { csrf: view.csrf, flow: view.flow, email: view.email }, view.resendInSeconds)}`,
  })
}

export type StopDoneView = { readonly outcome: 'stopped' | 'undone' | 'nothing' }

export function renderStopDone(frame: Frame, view: StopDoneView): Page {
  const { title, lead, advice } = textsFor(frame.language).stop.outcomes[view.outcome]
  return renderPage(frame, {
    title,
    content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
<p>${advice}</p>`,
  })
}
