// How our mails look: a heading, paragraphs, and a code or a link in between. Text and HTML say the same.
import type { RenderedMail } from './message.ts'

export type Letter = {
  readonly to: string
  readonly subject: string
  readonly heading: string
  readonly paragraphs: readonly (string | { readonly code: string } | { readonly link: string })[]
}

/** The last paragraph is the small print. */
export function layOut({ to, subject, heading, paragraphs }: Letter): RenderedMail {
  const last = paragraphs.length - 1
  const text = paragraphs.map((part) => {
    if (typeof part === 'string') return part
    return 'code' in part ? `    ${part.code}` : part.link
  })
  const html = paragraphs.map((part, index) => {
    if (typeof part === 'string') return `<p${index === last ? SMALL_PRINT : ''}>${escapeHtml(part)}</p>`
    if ('link' in part) return `<p><a href="${escapeHtml(part.link)}">${escapeHtml(part.link)}</a></p>`
    return `<p style="${CODE_STYLE}">${escapeHtml(part.code)}</p>`
  })
  return { to, subject, text: `${text.join('\n\n')}\n`, html: page(heading, html.join('\n')) }
}

const SMALL_PRINT = ' style="color:#5b6470"'
const CODE_STYLE =
  'font:700 32px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.2em;margin:24px 0;user-select:all'

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7">
<div style="max-width:480px;margin:0 auto;padding:32px;background:#fff;border-radius:8px;color:#16202c;font:16px/1.5 system-ui,-apple-system,Segoe UI,sans-serif">
<h1 style="font-size:20px;margin:0 0 16px">${escapeHtml(title)}</h1>
${body}
</div></body></html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
