// The hosted pages of the sign-in: HTML out of a view, and the content security policy that fits it, nothing else.
// The routes that answer them, with their cookies and forms, are in http/pages and http/oauth/authorize.
// They work without script; browser-script.ts makes them better. All texts are in texts.ts.
import { brandMark, brandStyle, SIGN } from './brand.ts'
import { GLOBE } from './globe.ts'
import { Html, html, named, plain } from './html.ts'
import { type InlineCode, inlineCode } from './inline-code.ts'
import { sourceExpression } from './links.ts'
import { STYLE } from './style.ts'
import { textsFor } from './texts.ts'

export type Page = { readonly html: string; readonly contentSecurityPolicy: string }

export type Brand = {
  readonly name: string
  /** #rrggbb. Left out where no text could be read on it or beside it. */
  readonly colour: string | null
  /** https, or a path of this host's `/assets/`. */
  readonly logoUrl: string | null
}

export type Frame = {
  readonly productName: string
  readonly brand: Brand | null
  /** Origins, or `scheme:`, at which the answer to a form may end by redirects; browsers check them against the CSP. */
  readonly formTargets: readonly string[]
  /** BCP 47; the nearest language that we have. */
  readonly language?: string
}

export type Body = {
  readonly title: string
  readonly hasError?: boolean
  readonly content: Html
  /** One of browser-script.ts. */
  readonly script?: InlineCode
}

const BASE_STYLE = inlineCode(STYLE)

export function renderPage(frame: Frame, body: Body): Page {
  const texts = textsFor(frame.language)
  const colours = frame.brand?.colour ? brandStyle(frame.brand.colour) : null
  const mark = brandMark(frame.brand, frame.productName)
  const title = `${body.hasError ? texts.frame.errorPrefix : ''}${body.title} · ${frame.brand?.name ?? frame.productName}`
  const document = html`<!doctype html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<title>${plain(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<meta name="color-scheme" content="light dark">
<style>${new Html(BASE_STYLE.source)}</style>
${colours ? html`<style>${new Html(colours.source)}</style>` : null}
</head>
<body>
${GLOBE}
<div class="panel">
<header>${mark.header}</header>
<main>
${body.content}
</main>
${frame.brand ? html`<footer>${SIGN}<span>${texts.frame.with(named(frame.productName))}</span></footer>` : null}
</div>
${body.script ? html`<script>${new Html(body.script.source)}</script>` : null}
</body>
</html>
`
  const styles = [BASE_STYLE.hash, ...(colours ? [colours.hash] : [])]
  return {
    html: document.toString(),
    contentSecurityPolicy: policyOf(styles, body.script ?? null, mark.imageOrigin, frame.formTargets),
  }
}

function policyOf(
  styles: readonly string[],
  script: InlineCode | null,
  imageOrigin: string | null,
  formTargets: readonly string[],
): string {
  const targets = formTargets.map(sourceExpression).filter((target) => target !== null)
  return [
    "default-src 'none'",
    `style-src ${styles.join(' ')}`,
    ...(script ? [`script-src ${script.hash}`] : []),
    ...(imageOrigin ? [`img-src ${imageOrigin}`] : []),
    ['form-action', "'self'", ...new Set(targets)].join(' '),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')
}
