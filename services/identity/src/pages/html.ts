// HTML that cannot forget to escape: what is put into an `html` template is escaped unless it is Html itself.

export class Html {
  readonly #markup: string
  constructor(markup: string) {
    this.#markup = markup
  }
  toString(): string {
    return this.#markup
  }
}

type Slot = string | number | Html | null | readonly (Html | null)[]

/** Attribute values must stand in double quotes; null and empty lists leave nothing. */
export function html(strings: TemplateStringsArray, ...slots: Slot[]): Html {
  return new Html(String.raw({ raw: strings }, ...slots.map(markupOf)))
}

function markupOf(slot: Slot): string {
  if (slot === null) return ''
  if (slot instanceof Html) return slot.toString()
  if (typeof slot === 'string') return escapeHtml(slot)
  if (typeof slot === 'number') return String(slot)
  return slot.map(markupOf).join('')
}

// A carriage return is written as a reference, since a parser would make a line feed of it.
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\r': '&#13;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'\r]/g, (character) => ENTITIES[character] ?? character)
}

/** A name or an address that somebody chose: kept apart from the text around it, whatever its direction is. */
export function named(text: string): Html {
  return html`<bdi>${plain(text)}</bdi>`
}

/** Without control characters and those that turn the direction of what follows (Unicode TR 36 §2.5). */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, ' ').trim()
}
