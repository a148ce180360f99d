// One careful GET of the issuer's JSON Web Key Set (RFC 7517 §5). Whatever is not clearly a key set is
// refused, so that an error page with status 200 or an emptied document never replaces good keys.
import { type IssuerJwks, issuerJwksSchema } from '@meridian/protocol/jwks'
import { BodyTooLarge, readBoundedText } from './bounded-text.ts'

const DOCUMENT_MAX_BYTES = 64 * 1024
const MEDIA_TYPES = new Set(['application/json', 'application/jwk-set+json'])
/** RFC 7518 §6: what only the holder of a private or symmetric key has. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const MAX_AGE_DEFAULT_SECONDS = 300
const MAX_AGE_BOUNDS_SECONDS = { least: 30, most: 3600 }

export type JwksRefusalReason =
  | 'status'
  | 'media_type'
  | 'too_large'
  | 'not_json'
  | 'private_members'
  | 'not_a_key_set'
  | 'repeated_kid'

export class JwksRefused extends Error {
  readonly reason: JwksRefusalReason
  constructor(reason: JwksRefusalReason) {
    super(`the key set was refused: ${reason}`)
    this.name = 'JwksRefused'
    this.reason = reason
  }
}

export type FetchedJwks =
  | { kind: 'unchanged'; maxAgeSeconds: number }
  | { kind: 'fetched'; jwks: IssuerJwks; etag: string | null; maxAgeSeconds: number }

/** Errors: JwksRefused, or whatever `fetch` rejects with (a redirect, a timeout, no connection). */
export async function fetchJwks(
  url: URL,
  request: { fetch: typeof globalThis.fetch; etag: string | null; signal: AbortSignal },
): Promise<FetchedJwks> {
  const headers: Record<string, string> = { accept: [...MEDIA_TYPES].join(', ') }
  if (request.etag !== null) headers['if-none-match'] = request.etag
  const response = await request.fetch(url, { headers, redirect: 'error', signal: request.signal })
  const maxAgeSeconds = parseMaxAge(response.headers.get('cache-control'))
  if (response.status === 304 && request.etag !== null) return { kind: 'unchanged', maxAgeSeconds }
  try {
    if (response.status !== 200) throw new JwksRefused('status')
    const mediaType = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
    if (mediaType === undefined || !MEDIA_TYPES.has(mediaType)) throw new JwksRefused('media_type')
    const jwks = parseKeySet(await readBoundedText(response, DOCUMENT_MAX_BYTES))
    return { kind: 'fetched', jwks, etag: response.headers.get('etag'), maxAgeSeconds }
  } catch (error) {
    await response.body?.cancel().catch(() => undefined)
    throw error instanceof BodyTooLarge ? new JwksRefused('too_large') : error
  }
}

function parseKeySet(text: string): IssuerJwks {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw new JwksRefused('not_json')
  }
  if (hasPrivateMembers(document)) throw new JwksRefused('private_members')
  const parsed = issuerJwksSchema.safeParse(document)
  if (!parsed.success) throw new JwksRefused('not_a_key_set')
  const kids = new Set(parsed.data.keys.map((key) => key.kid))
  if (kids.size !== parsed.data.keys.length) throw new JwksRefused('repeated_kid')
  return parsed.data
}

function hasPrivateMembers(document: unknown): boolean {
  const keys = (document as { keys?: unknown } | null)?.keys
  if (!Array.isArray(keys)) return false
  return keys.some(
    (key) => typeof key === 'object' && key !== null && PRIVATE_MEMBERS.some((member) => Object.hasOwn(key, member)),
  )
}

function parseMaxAge(cacheControl: string | null): number {
  const match = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(cacheControl ?? '')
  const seconds = match === null ? MAX_AGE_DEFAULT_SECONDS : Number(match[1])
  return Math.min(Math.max(seconds, MAX_AGE_BOUNDS_SECONDS.least), MAX_AGE_BOUNDS_SECONDS.most)
}
