// The outside of a token: a compact JWS (RFC 7515 §3.1) taken apart, strictly. Nothing here is trusted yet.
// One JSON parser reads each part once, so a duplicate member cannot mean two things to two readers.
import { ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE } from '@meridian/protocol/access-token'

export const TOKEN_MAX_CHARS = 4096
/** P-256: r and s of 32 bytes each. RFC 7518 §3.4. */
const SIGNATURE_BYTES = 64
const KID_MAX_CHARS = 128

const BASE64URL = /^[A-Za-z0-9_-]+$/
/** Whatever else a header may carry (jku, jwk, x5u, x5c, crit, b64, zip, cty, …) is refused. RFC 8725 §3.10. */
const HEADER_MEMBERS = new Set(['alg', 'kid', 'typ'])

export type CompactJwsRefusal = 'malformed' | 'header' | 'algorithm' | 'type'

export interface CompactJws {
  kid: string
  signingInput: Buffer
  signature: Buffer
  payload: string
}

export type CompactJwsVerdict = { ok: true; jws: CompactJws } | { ok: false; reason: CompactJwsRefusal }

export function parseCompactJws(token: string): CompactJwsVerdict {
  if (token.length > TOKEN_MAX_CHARS) return { ok: false, reason: 'malformed' }
  const parts = token.split('.', 6)
  const [headerPart, payloadPart, signaturePart] = parts
  if (parts.length !== 3 || headerPart === undefined || payloadPart === undefined || signaturePart === undefined) {
    return { ok: false, reason: 'malformed' }
  }
  const signature = decodeBase64url(signaturePart)
  const payload = decodeBase64url(payloadPart)
  if (payload === null || signature?.length !== SIGNATURE_BYTES) return { ok: false, reason: 'malformed' }
  const header = parseJsonObject(headerPart)
  if (header === null) return { ok: false, reason: 'malformed' }
  const reason = headerRefusal(header)
  if (reason !== null) return { ok: false, reason }
  const signingInput = Buffer.from(token.slice(0, headerPart.length + 1 + payloadPart.length), 'ascii')
  return { ok: true, jws: { kid: header['kid'] as string, signingInput, signature, payload: payloadPart } }
}

function headerRefusal(header: Record<string, unknown>): CompactJwsRefusal | null {
  if (!Object.keys(header).every((member) => HEADER_MEMBERS.has(member))) return 'header'
  if (header['alg'] !== ACCESS_TOKEN_ALGORITHM) return 'algorithm'
  if (header['typ'] !== ACCESS_TOKEN_TYPE) return 'type'
  const kid = header['kid']
  return typeof kid === 'string' && kid !== '' && kid.length <= KID_MAX_CHARS ? null : 'header'
}

/** JSON object behind one base64url part, or null. */
export function parseJsonObject(part: string): Record<string, unknown> | null {
  const bytes = decodeBase64url(part)
  if (bytes === null) return null
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

/** Only the canonical spelling: no padding, no other alphabet, no stray bits in the last character. RFC 4648 §3.5. */
function decodeBase64url(part: string): Buffer | null {
  if (!BASE64URL.test(part)) return null
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : null
}
