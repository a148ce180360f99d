/**
 * Whether PostgreSQL keeps all texts of an input, in JSON too: none has U+0000, or half of a surrogate pair. What it does
 * not keep is refused at the door, wherever it stands.
 */
export function isStorable(input: unknown): boolean {
  if (typeof input === 'string') return !input.includes('\0') && input.isWellFormed()
  if (typeof input !== 'object' || input === null) return true
  return Object.entries(input).every(([name, value]) => isStorable(name) && isStorable(value))
}
