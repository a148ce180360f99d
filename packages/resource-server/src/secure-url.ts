/** Errors: not a URL, or one that neither encrypts nor stays on this machine. */
export function parseSecureUrl(text: string, allowInsecure: boolean): URL {
  const url = new URL(text)
  const loopback = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  const secure = url.protocol === 'https:' || (url.protocol === 'http:' && (loopback || allowInsecure))
  if (!secure) throw new Error('the issuer must be reached over https')
  return url
}
