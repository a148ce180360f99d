import { type Html, html } from './html.ts'

const MARKS = /\*\*([^*]+)\*\*|\*([^*]+)\*|`([^`]+)`/g

/** The little markdown that descriptions have: `code`, *emphasis*, **strong**. */
export function rich(text: string): Html {
  const parts: Html[] = []
  let end = 0
  for (const match of text.matchAll(MARKS)) {
    const [all, strong, emphasis, code] = match
    parts.push(html`${text.slice(end, match.index)}`)
    if (strong !== undefined) parts.push(html`<strong>${strong}</strong>`)
    else if (emphasis !== undefined) parts.push(html`<em>${emphasis}</em>`)
    else parts.push(html`<code>${code ?? ''}</code>`)
    end = match.index + all.length
  }
  parts.push(html`${text.slice(end)}`)
  return html`${parts}`
}

export function paragraphs(text: string): Html {
  return html`${text.split('\n\n').map((paragraph) => html`<p>${rich(paragraph)}</p>`)}`
}
