import { CONTEXT_SCRIPT } from './browser-script.ts'
import { hiddenFields, otherWays } from './form.ts'
import { type Html, html, named } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { roleName } from './role-name.ts'
import { type Texts, textsFor } from './texts.ts'

type ContextChoice = {
  readonly orgId: string
  readonly orgName: string
  readonly region: string
  readonly regionName: string
  readonly role: string
  /** Otherwise it is shown, and cannot be chosen. */
  readonly isAvailable: boolean
}

export type ContextView = {
  readonly csrf: string
  readonly request: string
  readonly clientName: string
  readonly email: string
  readonly contexts: readonly ContextChoice[]
  readonly laterUrl: string | null
  readonly otherAccountUrl: string
}

/** Up to here a person sees them all at a glance. */
const UNFILTERED_CONTEXTS = 8

export function renderContext(frame: Frame, view: ContextView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, later } = texts.context
  return renderPage(frame, {
    title,
    script: CONTEXT_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${lead(named(view.clientName))}</p>
${view.contexts.some(({ isAvailable }) => isAvailable) ? null : html`<p class="note">${texts.context.noneAvailable}</p>`}
${view.contexts.length > UNFILTERED_CONTEXTS ? filterField(texts) : null}
<form method="post" action="/sign-in/context">
${hiddenFields({ csrf: view.csrf, request: view.request })}
${[...Map.groupBy(view.contexts, ({ orgId }) => orgId)].map(([orgId, contexts]) => organization(texts, orgId, contexts))}
</form>
${otherWays({ href: view.laterUrl, text: later }, { href: view.otherAccountUrl, text: texts.frame.otherAccount })}
<p class="who">${texts.frame.signedInAs(named(view.email))}</p>`,
  })
}

function organization(texts: Texts, orgId: string, contexts: readonly ContextChoice[]): Html {
  const id = `org-${orgId}`
  return html`<section role="group" aria-labelledby="${id}" data-group>
<h2 id="${id}">${named(contexts[0]?.orgName ?? '')}</h2>
${contexts.map(
  (
    context,
  ) => html`<button class="choice" name="context" value="${context.orgId} ${context.region}"${context.isAvailable ? null : html` disabled`}><span class="first">${named(context.regionName)}</span> <span class="second">${roleName(texts, context.role)}</span>${context.isAvailable ? null : html` <span class="state">${texts.context.unavailable}</span>`}</button>
`,
)}</section>
`
}

/** Without script there is nothing to filter with, so it stays hidden. */
function filterField(texts: Texts): Html {
  const { filter, shown, shownNone } = texts.context
  return html`<div class="filter" data-filter hidden><p class="field"><label for="filter">${filter}</label>
<input id="filter" type="search" autocomplete="off" spellcheck="false"></p>
<p class="told" role="status" data-counted="${JSON.stringify(shown)}" data-none="${shownNone}"></p></div>`
}
