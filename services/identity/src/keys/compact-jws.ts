import { type KeyObject, sign, verify } from 'node:crypto'
import { derFromRaw, RAW_SIGNATURE_BYTES, rawFromDer } from './ecdsa-signature.ts'
import type { SigningAlgorithm, SigningKey } from './key-set.ts'

// JWS compact serialization (RFC 7515 §7.1) with synchronous node:crypto: a quarter of the cost of an
// asynchronous signature, and the event loop is held for some 25 µs (ES256).

/** Signs the claims; the header names the key, its algorithm and the token's type, nothing else. */
export function signCompactJws(key: SigningKey, typ: string, claims: Readonly<Record<string, unknown>>): string {
  const header = Buffer.from(JSON.stringify({ alg: key.alg, typ, kid: key.kid })).toString('base64url')
  const signingInput = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
  const made = sign('sha256', Buffer.from(signingInput), key.privateKey)
  const signature = key.alg === 'ES256' ? rawFromDer(made) : made
  return `${signingInput}.${signature.toString('base64url')}`
}

export type OpenedJws = { readonly header: unknown; readonly claims: unknown }

const PART = /^[A-Za-z0-9_-]+$/

/**
 * Opens a token that we signed. Undefined for anything else: the key comes from our own set by `kid`, the algorithm
 * from the key, and nothing in the token chooses either.
 */
export function openCompactJws(
  token: string,
  typ: string,
  findKey: (kid: string) => KeyObject | undefined,
): OpenedJws | undefined {
  const parts = token.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) return undefined
  if (![header, payload, signature].every((part) => PART.test(part))) return undefined
  const parsedHeader = parseJson(header) as { alg?: unknown; typ?: unknown; kid?: unknown } | undefined
  if (parsedHeader === undefined || parsedHeader.typ !== typ) return undefined
  if (Object.keys(parsedHeader).length !== 3 || typeof parsedHeader.kid !== 'string') return undefined
  const key = findKey(parsedHeader.kid)
  if (key === undefined || parsedHeader.alg !== algorithmOf(key)) return undefined
  const signatureBytes = Buffer.from(signature, 'base64url')
  if (signatureBytes.toString('base64url') !== signature) return undefined
  if (!isSignedBy(key, Buffer.from(`${header}.${payload}`), signatureBytes)) return undefined
  return { header: parsedHeader, claims: parseJson(payload) }
}

function algorithmOf(key: KeyObject): SigningAlgorithm | undefined {
  if (key.asymmetricKeyType === 'ec') return 'ES256'
  return key.asymmetricKeyType === 'rsa' ? 'RS256' : undefined
}

function isSignedBy(key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  if (key.asymmetricKeyType === 'rsa') return verify('sha256', signed, key, signature)
  return signature.length === RAW_SIGNATURE_BYTES && verify('sha256', signed, key, derFromRaw(signature))
}

function parseJson(part: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
