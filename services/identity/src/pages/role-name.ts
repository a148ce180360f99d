import { type Html, named } from './html.ts'
import type { Texts } from './texts.ts'

/** A role in the language of the page; one that it has no word for as it stands. */
export function roleName(texts: Texts, role: string): string | Html {
  const { roles } = texts.context
  return Object.hasOwn(roles, role) ? (roles[role] ?? '') : named(role)
}
