import { FORM_SCRIPT } from './browser-script.ts'
import { hiddenFields, otherWays } from './form.ts'
import { html, named, plain } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type AccountView = {
  readonly csrf: string
  readonly request: string
  readonly clientName: string
  readonly email: string
  readonly name: string
  readonly cancelUrl: string | null
}

export function renderAccount(frame: Frame, view: AccountView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, continueAs, other } = texts.account
  return renderPage(frame, {
    title,
    script: FORM_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${lead(named(view.clientName))}</p>
<form method="post" action="/sign-in/account">
${hiddenFields({ csrf: view.csrf, request: view.request })}
<button class="account" name="choice" value="continue"><span class="first">${continueAs(named(view.name))}</span> <span class="second">${named(view.email)}</span></button>
<button class="quiet" name="choice" value="other">${other}</button>
</form>
${otherWays({ href: view.cancelUrl, text: texts.frame.cancel(plain(view.clientName)) })}`,
  })
}
