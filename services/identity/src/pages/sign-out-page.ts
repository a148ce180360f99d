import { SIGN_OUT_SCRIPT } from './browser-script.ts'
import { hiddenFields } from './form.ts'
import { html, named } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type SignOutView = {
  readonly csrf: string
  /** The logout request as it came; sent back in the field `request`. */
  readonly query: string
  readonly clientName: string | null
  readonly email: string | null
}

export function renderSignOut(frame: Frame, view: SignOutView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, leadNobody, asked, thisBrowser, everywhere, everywhereMeans, stay, stayHow } = texts.signOut
  return renderPage(frame, {
    title,
    script: SIGN_OUT_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${view.clientName === null ? null : html`${asked(named(view.clientName))} `}${view.email === null ? leadNobody : lead(named(view.email))}</p>
<form method="post" action="/oauth/logout">
${hiddenFields({ csrf: view.csrf, request: view.query })}
<button name="confirm" value="this">${thisBrowser}</button>
<button class="quiet" name="confirm" value="all" aria-describedby="everywhere">${everywhere}</button>
<p class="note" id="everywhere">${everywhereMeans}</p>
<button class="quiet" type="button" data-back hidden>${stay}</button>
<p class="note" data-back-how>${stayHow}</p>
</form>`,
  })
}
