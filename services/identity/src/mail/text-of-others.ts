/** Long enough to know an organization by. */
const MAX_CHARACTERS = 60
/** What makes a link, a mail address or a path of words, in the eyes of mail programs. */
const JOINT = /[.。:/\\@?#&=%~|<>]+/u

/**
 * A name that somebody chose, in a mail to somebody else: one short line that no mail program makes a link of, so that
 * nobody has us send their links. Punctuation between words goes; at a word's end it stays.
 */
export function textOfOthers(text: string): string {
  const line = text
    .normalize('NFKC')
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  const words = line.split(' ').map((word) => {
    const parts = word.split(JOINT).filter((part) => part !== '')
    return parts.length > 1 ? parts.join(' ') : word.replace(/[:/\\@<>]/g, '')
  })
  const characters = [...words.join(' ').replace(/ +/g, ' ').trim()]
  return characters.length > MAX_CHARACTERS
    ? `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…`
    : characters.join('')
}
