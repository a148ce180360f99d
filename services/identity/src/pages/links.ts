// What may stand in an href, an action and a content security policy. The callers send URLs that they have checked
// against a client's registration; this is the second lock.

const DANGEROUS_SCHEMES: ReadonlySet<string> = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'blob:',
  'file:',
  'filesystem:',
  'about:',
  'view-source:',
])
/** Any base does: it tells a path on this host from a URL that leaves it. */
const BASE = 'https://base.invalid'

/** Null for what a browser would run or would not go to. */
export function safeUrl(url: string): string | null {
  if (!/^[\x21-\x7E]+$/.test(url) || !URL.canParse(url, BASE)) return null
  return DANGEROUS_SCHEMES.has(new URL(url, BASE).protocol) ? null : url
}

const SCHEME_SOURCE = /^[a-z][a-z0-9+.-]*:$/
const HOST_SOURCE = /^https?:\/\/[a-z0-9.-]+(:\d{1,5})?$/
/** CSP has no word for an IPv6 address; this one is our own machine. */
const IPV6_LOOPBACK = /^http:\/\/\[::1\](:\d{1,5})?$/

/** Null for what is no source expression, so that nobody can add a directive. */
export function sourceExpression(source: string): string | null {
  if (IPV6_LOOPBACK.test(source)) return 'http:'
  if (HOST_SOURCE.test(source)) return source
  return SCHEME_SOURCE.test(source) && !DANGEROUS_SCHEMES.has(source) ? source : null
}

/** The source expression that covers a URL (CSP3 §2.3.1); null for a path on this host and for what has none. */
export function sourceOf(url: string): string | null {
  if (!URL.canParse(url)) return null
  const { origin, protocol } = new URL(url)
  return sourceExpression(origin === 'null' ? protocol : origin)
}
