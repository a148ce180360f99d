// Redirect URIs of clients, as they may be registered: absolute, with no fragment (RFC 6749 §3.1.2) and no user
// information, over https, over http to this machine alone, or with a native app's own scheme (RFC 8252 §7).
import { z } from 'zod'

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost'])
/** RFC 8252 §7.1: a reversed domain name, which its owner alone can claim; and no scheme that a browser acts on. */
const PRIVATE_USE_SCHEME = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+:$/
// What a URL parser silently drops or rewrites must not stand in a text that is compared character by character.
const PLAIN = /^[\x21-\x7E]+$/

export const redirectUriSchema = z
  .string()
  .max(500)
  .refine(
    isRegistrable,
    'is not an absolute https URI (or http to this machine, or of a private-use scheme) without fragment',
  )

function isRegistrable(text: string): boolean {
  if (!PLAIN.test(text) || /[#\\]/.test(text) || !URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  if (url.protocol === 'https:') return text.startsWith(`https://${url.host}`)
  if (url.protocol === 'http:') return LOOPBACK_HOSTS.has(url.hostname) && text.startsWith(`http://${url.host}`)
  return PRIVATE_USE_SCHEME.test(url.protocol) && text.startsWith(url.protocol)
}
