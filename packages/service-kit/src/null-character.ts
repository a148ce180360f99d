/** U+0000, which PostgreSQL keeps in no text and no JSON: refused at the door, wherever it stands in an input. */
export function hasNullCharacter(input: unknown): boolean {
  if (typeof input === 'string') return input.includes('\0')
  if (typeof input !== 'object' || input === null) return false
  return Object.entries(input).some(([name, value]) => name.includes('\0') || hasNullCharacter(value))
}
