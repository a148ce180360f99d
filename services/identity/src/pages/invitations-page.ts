import { FORM_SCRIPT } from './browser-script.ts'
import { errorMessage, hiddenFields, otherWays } from './form.ts'
import { type Html, html, named } from './html.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { roleName } from './role-name.ts'
import { type Texts, textsFor } from './texts.ts'

type Invited = {
  readonly id: string
  readonly orgName: string
  readonly roles: readonly { readonly regionName: string; readonly role: string }[]
}

export type InvitationsView = {
  readonly csrf: string
  readonly request: string
  readonly email: string
  readonly invitations: readonly Invited[]
  readonly error: 'gone' | 'last_manager' | null
  readonly laterUrl: string
  readonly otherAccountUrl: string
}

/** What the person was invited to, each with a yes and a no: nothing is answered by looking. */
export function renderInvitations(frame: Frame, view: InvitationsView): Page {
  const texts = textsFor(frame.language)
  const { title, lead, errors, later } = texts.invitations
  return renderPage(frame, {
    title,
    hasError: view.error !== null,
    script: FORM_SCRIPT,
    content: html`<h1>${title}</h1>
<p class="lead">${lead}</p>
${errorMessage(view.error === null ? null : errors[view.error])}
<form method="post" action="/sign-in/invitations">
${hiddenFields({ csrf: view.csrf, request: view.request })}
${view.invitations.map((invitation) => answers(texts, invitation))}
</form>
${otherWays({ href: view.laterUrl, text: later }, { href: view.otherAccountUrl, text: texts.frame.otherAccount })}
<p class="who">${texts.frame.signedInAs(named(view.email))}</p>`,
  })
}

/** The heading names the group and describes both buttons, so that each is clear when it is heard by itself. */
function answers(texts: Texts, { id, orgName, roles }: Invited): Html {
  const { as, accept, decline } = texts.invitations
  const heading = `invitation-${id}`
  return html`<section role="group" aria-labelledby="${heading}">
<h2 id="${heading}">${named(orgName)}</h2>
<p>${roles.map(({ regionName, role }, index) => html`${index === 0 ? null : html`<br>`}${as(html`${roleName(texts, role)}`, named(regionName))}`)}</p>
<button name="answer" value="accept ${id}" aria-describedby="${heading}">${accept}</button>
<button class="quiet" name="answer" value="decline ${id}" aria-describedby="${heading}">${decline}</button>
</section>
`
}
