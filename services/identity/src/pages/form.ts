// The parts that forms share: hidden fields, the two inputs, what went wrong, and the ways out.
import { type Html, html } from './html.ts'
import { safeUrl } from './links.ts'
import { count, type Texts } from './texts.ts'

export function hiddenFields(fields: Readonly<Record<string, string>>): Html {
  return html`${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}`
}

const ERROR_ID = 'error'

/** Announced as the page opens; the field that it is about names it in aria-describedby. */
export function errorMessage(error: string | null): Html | null {
  return error === null ? null : html`<p class="error" id="${ERROR_ID}" role="alert">${error}</p>`
}

function describedBy(error: string | null, ...ids: string[]): Html {
  const all = error === null ? ids : [ERROR_ID, ...ids]
  const invalid = error === null ? null : html` aria-invalid="true"`
  return html`${invalid}${all.length > 0 ? html` aria-describedby="${all.join(' ')}"` : null}`
}

export function emailField(texts: Texts, email: string | null, error: string | null): Html {
  return html`<p class="field"><label for="email">${texts.frame.email}</label>
<input id="email" name="email" type="email" value="${email ?? ''}" autocomplete="email" autocapitalize="none" autocorrect="off" spellcheck="false" inputmode="email" maxlength="254" required autofocus${describedBy(error)}></p>`
}

/** Long enough for a code pasted with the spaces and dashes around it. */
const PASTED_CODE_LENGTH = 24

export function codeField(texts: Texts, error: string | null): Html {
  return html`<p class="field"><label for="otp">${texts.code.label}</label>
<input id="otp" class="otp" name="otp" type="text" inputmode="numeric" autocomplete="one-time-code" autocapitalize="none" autocorrect="off" spellcheck="false" maxlength="${PASTED_CODE_LENGTH}" required autofocus data-digits="6"${describedBy(error)}></p>`
}

/** The wait is told in the page; the button works all the same, and the server refuses politely. */
export function resendForm(
  texts: Texts,
  action: string,
  fields: Readonly<Record<string, string>>,
  resendInSeconds: number,
): Html {
  const seconds = Math.max(0, Math.ceil(resendInSeconds))
  return html`<form class="resend" method="post" action="${action}" data-resend-in="${seconds}" data-resend-ready="${texts.code.resendReady}">
${hiddenFields(fields)}<button class="quiet">${texts.code.resend}</button>
<p class="wait" data-counted="${JSON.stringify(texts.code.resendWait)}">${seconds > 0 ? count(texts, texts.code.resendWait, seconds) : null}</p>
<p class="told" role="status" data-told></p>
</form>`
}

export type Way = { readonly href: string | null; readonly text: string }

/** The links below a form; one without a URL that may be followed is left out. */
export function otherWays(...ways: readonly Way[]): Html | null {
  const links = ways.flatMap(({ href, text }) => {
    const url = href === null ? null : safeUrl(href)
    return url === null ? [] : [html`<li><a href="${url}">${text}</a></li>`]
  })
  return links.length === 0 ? null : html`<ul class="ways">${links}</ul>`
}
