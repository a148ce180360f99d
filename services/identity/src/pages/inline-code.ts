import { createHash } from 'node:crypto'

/** Source of a style or script element, and its hash as a CSP wants it (CSP3 §2.3.1). */
export type InlineCode = { readonly source: string; readonly hash: string }

export function inlineCode(source: string): InlineCode {
  return { source, hash: `'sha256-${createHash('sha256').update(source).digest('base64')}'` }
}
