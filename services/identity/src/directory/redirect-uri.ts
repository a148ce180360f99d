import type { Client } from './client-rules.ts'

/** RFC 8252 §7.3: the loopback literal, and a port that the app cannot know beforehand. */
const LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?(\/.*)?$/
const MAX_PORT = 65_535

/**
 * Whether the client registered this URI: the same characters, one by one (RFC 9700 §4.1.3). A native app's loopback
 * URI that was registered without a port takes any port, and nothing else of it may differ.
 */
export function isRegisteredRedirectUri(client: Client, presented: string): boolean {
  if (client.redirectUris.includes(presented)) return true
  if (client.browser) return false
  const asked = LOOPBACK.exec(presented)
  const port = asked?.[2] === undefined ? 0 : Number(asked[2])
  if (asked === null || port < 1 || port > MAX_PORT || asked[2]?.startsWith('0') === true) return false
  return client.redirectUris.some((registered) => {
    const known = LOOPBACK.exec(registered)
    return known !== null && known[2] === undefined && known[1] === asked[1] && known[3] === asked[3]
  })
}

/** Where a form may end up when it is answered with a redirect to this URI: an origin or a scheme, for form-action. */
export function formTargetOf(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri)
  return origin === 'null' ? protocol : origin
}
