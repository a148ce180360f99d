// What operators' commands print: others' words stay words.
import { plainText } from '@meridian/protocol/plain-text'
import t from 'tap'
import { resultText } from '../../services/identity/src/cli/result-text.ts'

const SLY = 'a\u001b[2J\nregion: in\u202e\u2028\u0085b'

t.test("a result's text has the lines that it should, whatever was reported", async (t) => {
  const text = resultText({
    error: SLY,
    nested: { error: SLY },
    regions: [{ region: 'in', error: SLY, held: { users: SLY } }],
    alarms: [SLY],
  })
  const lines = text.trimEnd().split('\n')
  t.equal(lines.length, 7, text)
  for (const line of lines) t.match(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u)
  t.equal(lines[0], 'error: a [2J region: in b')
})

t.test('plain text is any language, and nothing that is not seen', async (t) => {
  t.ok(plainText.safeParse('').success)
  t.ok(plainText.safeParse('build 7 (ä, 東京, 👍)').success)
  for (const code of [0, 0x09, 0x0a, 0x7f, 0x9b, 0x200b, 0x202e, 0x2028])
    t.notOk(plainText.safeParse(`a${String.fromCodePoint(code)}b`).success, `U+${code.toString(16)}`)
})
