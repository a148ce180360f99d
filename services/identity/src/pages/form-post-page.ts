// OAuth 2.0 Form Post Response Mode: the browser carries the answer to the client in a form, by itself where it can.

import { SUBMIT_SCRIPT } from './browser-script.ts'
import { hiddenFields } from './form.ts'
import { html } from './html.ts'
import { safeUrl, sourceOf } from './links.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type FormPostView = {
  /** The client's registered redirect URI. */
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
}

export function renderFormPost(frame: Frame, view: FormPostView): Page {
  const { title, lead, goOn } = textsFor(frame.language).formPost
  const action = safeUrl(view.action)
  if (action === null) throw new Error('a form cannot be posted to this URL')
  const target = sourceOf(action)
  return renderPage(
    { ...frame, formTargets: target === null ? frame.formTargets : [...frame.formTargets, target] },
    {
      title,
      script: SUBMIT_SCRIPT,
      content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
<form method="post" action="${action}" data-submit-now>
${hiddenFields(view.fields)}
<button>${goOn}</button>
</form>`,
    },
  )
}
