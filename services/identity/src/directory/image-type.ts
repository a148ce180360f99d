import type { AssetMediaType } from '@meridian/protocol/org-settings'

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const JPEG = [0xff, 0xd8, 0xff]
const RIFF = [0x52, 0x49, 0x46, 0x46]
const WEBP = [0x57, 0x45, 0x42, 0x50]

/**
 * What a picture is by its first bytes; a name or a header can say anything. No SVG: it is a document, which can carry
 * script, load what it names and look like a page of ours.
 */
export function imageTypeOf(content: Uint8Array): AssetMediaType | undefined {
  const holds = (bytes: readonly number[], at = 0) => bytes.every((byte, index) => content[at + index] === byte)
  if (holds(PNG)) return 'image/png'
  if (holds(JPEG)) return 'image/jpeg'
  if (holds(RIFF) && holds(WEBP, 8)) return 'image/webp'
  return undefined
}
