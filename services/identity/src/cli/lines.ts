// One JSON object a line: how a command and the running service talk.

const MAX_LINE_CHARS = 1_000_000

/** Throws where a line is no JSON, or is longer than a million characters. */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_CHARS) throw new Error('a line is too long')
    for (const line of lines) if (line !== '') yield JSON.parse(line)
  }
  rest += decoder.decode()
  if (rest !== '') yield JSON.parse(rest)
}

export function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}
