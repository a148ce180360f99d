import { html } from './html.ts'
import { safeUrl } from './links.ts'
import { type Frame, type Page, renderPage } from './page.ts'
import { type ErrorPageCode as Code, textsFor } from './texts.ts'

export type ErrorPageCode = Code

export type ErrorView = {
  readonly code: ErrorPageCode
  readonly requestId: string | null
  readonly retryUrl: string | null
}

export function renderError(frame: Frame, view: ErrorView): Page {
  const { pages, retry, developers, request } = textsFor(frame.language).error
  const { title, happened, advice, technical } = pages[view.code]
  const retryUrl = view.retryUrl === null ? null : safeUrl(view.retryUrl)
  return renderPage(frame, {
    title,
    hasError: true,
    content: html`<h1>${title}</h1>
<div role="alert"><p class="lead">${happened}</p>
<p>${advice}</p></div>
${retryUrl === null ? null : html`<p><a class="button" href="${retryUrl}">${retry}</a></p>`}
<p class="technical">${developers}: <code>${view.code}</code>. ${technical}${view.requestId === null ? null : html` ${request} <code>${view.requestId}</code>.`}</p>`,
  })
}
