import { otherWays } from './form.ts'
import { html, named, plain } from './html.ts'
import { safeUrl } from './links.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { textsFor } from './texts.ts'

export type NoMembershipView = {
  readonly clientName: string
  readonly email: string
  readonly continueUrl: string | null
  readonly otherAccountUrl: string
  readonly cancelUrl: string | null
}

export function renderNoMembership(frame: Frame, view: NoMembershipView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, advice, goOn } = texts.noMembership
  const continueUrl = view.continueUrl === null ? null : safeUrl(view.continueUrl)
  const client = plain(view.clientName)
  return renderPage(frame, {
    title,
    content: html`<h1>${title}</h1>
<p class="lead">${lead(named(view.email))}</p>
<p>${advice}</p>
${continueUrl === null ? null : html`<p><a class="button" href="${continueUrl}">${goOn(client)}</a></p>`}
${otherWays(
  { href: view.otherAccountUrl, text: texts.frame.otherAccount },
  { href: view.cancelUrl, text: texts.frame.cancel(client) },
)}`,
  })
}
