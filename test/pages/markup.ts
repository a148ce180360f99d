// Takes a page apart without a browser. Stricter than one: what is not written as our pages write it is a fault.

export type Element = { readonly name: string; readonly attributes: ReadonlyMap<string, string> }

const PIECE =
  /<!doctype html>|<\/([a-z][a-z0-9]*)>|<([a-z][a-z0-9]*)((?:\s+[a-z][a-zA-Z-]*(?:="[^"]*")?)*)\s*\/?>|([^<]+)/gy
const ATTRIBUTE = /([a-z][a-zA-Z-]*)(?:="([^"]*)")?/g

export class Markup {
  readonly elements: Element[] = []
  readonly styles: string[] = []
  readonly scripts: string[] = []
  text = ''

  constructor(html: string) {
    // A parser makes a line feed of a raw carriage return before it does anything else.
    const bare = html
      .replace(/\r\n?/g, '\n')
      .replace(/<(style|script)>(.*?)<\/\1>/gs, (_, name: string, source: string) => {
        const sources = name === 'style' ? this.styles : this.scripts
        sources.push(source)
        return `<${name}></${name}>`
      })
    PIECE.lastIndex = 0
    while (PIECE.lastIndex < bare.length) {
      const from = PIECE.lastIndex
      const piece = PIECE.exec(bare)
      if (!piece) throw new Error(`not as our pages are written: ${bare.slice(from, from + 80)}`)
      if (piece[4] !== undefined) this.text += decode(piece[4])
      if (piece[2] !== undefined) this.elements.push({ name: piece[2], attributes: attributesOf(piece[3] ?? '') })
    }
  }

  named(name: string): Element[] {
    return this.elements.filter((element) => element.name === name)
  }

  /** Elements and attribute names, in order: all but what a view fills in. */
  skeleton(): string[] {
    return this.elements.map(({ name, attributes }) => [name, ...attributes.keys()].join(' '))
  }

  /** The forms, each with the elements up to the next one. */
  forms(): { form: Element; inside: Element[] }[] {
    const forms: { form: Element; inside: Element[] }[] = []
    for (const element of this.elements) {
      if (element.name === 'form') forms.push({ form: element, inside: [] })
      else forms.at(-1)?.inside.push(element)
    }
    return forms
  }
}

function attributesOf(source: string): Map<string, string> {
  return new Map([...source.matchAll(ATTRIBUTE)].map(([, name = '', value = '']) => [name, decode(value)]))
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&#13;': '\r',
}

function decode(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39|#13);/g, (reference) => REFERENCES[reference] ?? reference)
}

/** The directives of a policy; one that is given twice is a fault. */
export function directivesOf(policy: string): ReadonlyMap<string, readonly string[]> {
  const directives = new Map<string, readonly string[]>()
  for (const directive of policy.split('; ')) {
    const [name = '', ...sources] = directive.split(' ')
    if (directives.has(name)) throw new Error(`${name} is given twice`)
    directives.set(name, sources)
  }
  return directives
}
