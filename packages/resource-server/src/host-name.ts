import { isIPv6 } from 'node:net'

const HOST_MAX_CHARS = 253
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const NAME = new RegExp(`^(${LABEL}(?:\\.${LABEL})*)\\.?(?::\\d{1,5})?$`)
const IPV6_LITERAL = /^\[([0-9a-f:.]{2,45})\](?::\d{1,5})?$/

/**
 * The host of a Host header (RFC 9110 §7.2) without port or closing dot, in lower case; null for anything
 * else that one could write there: userinfo, paths, lists, spaces, bare IPv6, non-ASCII names.
 */
export function parseHostName(header: string): string | null {
  if (header.length > HOST_MAX_CHARS + 7) return null
  const text = header.toLowerCase()
  const name = NAME.exec(text)?.[1]
  if (name !== undefined) return name.length <= HOST_MAX_CHARS ? name : null
  const literal = IPV6_LITERAL.exec(text)?.[1]
  return literal !== undefined && isIPv6(literal) ? `[${literal}]` : null
}
