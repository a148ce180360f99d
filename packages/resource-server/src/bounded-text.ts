export class BodyTooLarge extends Error {
  constructor() {
    super('the body is larger than expected')
    this.name = 'BodyTooLarge'
  }
}

/** Reads a response's body as text, as far as it may go. Errors: BodyTooLarge; the rest is then left unread. */
export async function readBoundedText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new BodyTooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
