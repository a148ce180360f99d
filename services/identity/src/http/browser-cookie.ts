// A browser at the hosted pages: a cookie that no other site can set or read names it, and forms carry a MAC over it.
// With Referrer-Policy: no-referrer browsers send `Origin: null` from our own forms, so that header decides alone
// only where it names somebody else. OWASP's "signed double submit"; Fetch Metadata (Sec-Fetch-Site).
import { Buffer } from 'node:buffer'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { Refusal } from '../refusal.ts'
import { macMatches, macOf, sha256 } from '../secrets/macs.ts'

const BROWSER_BYTES = 32
const SHAPE = /^br1\.[A-Za-z0-9_-]{43}$/
/** Browsers keep no cookie longer (RFC 6265bis §5.5); it is renewed by each visit. */
const MAX_AGE_SECONDS = 400 * 86_400

/** The name of a cookie at the identity host, the same for all clients. */
export function hostCookieName(issuer: string, purpose: 'browser' | 'sign-on'): string {
  return `__Host-meridian-${purpose}-${sha256(issuer).toString('hex').slice(0, 8)}`
}

export const HOST_COOKIE = { path: '/', secure: true, httpOnly: true, sameSite: 'lax' } as const

/** The browser that asks, if it has been here before. */
export function findBrowser(issuer: string, request: FastifyRequest): string | undefined {
  const value = request.cookies[hostCookieName(issuer, 'browser')]
  return value !== undefined && SHAPE.test(value) ? value : undefined
}

/** The browser that asks; one that is new is given its cookie. */
export function getBrowser(
  deps: Pick<Deps, 'settings' | 'randomBytes'>,
  request: FastifyRequest,
  reply: FastifyReply,
): string {
  const { issuer } = deps.settings
  const browser =
    findBrowser(issuer, request) ?? `br1.${Buffer.from(deps.randomBytes(BROWSER_BYTES)).toString('base64url')}`
  void reply.setCookie(hostCookieName(issuer, 'browser'), browser, { ...HOST_COOKIE, maxAge: MAX_AGE_SECONDS })
  return browser
}

/** What our forms carry, so that no other site can have written them. */
export function csrfTokenOf(deps: Pick<Deps, 'settings' | 'secrets'>, browser: string): string {
  return macOf(deps.secrets.tokenKeys[0], 'csrf1', deps.settings.issuer, browser).toString('base64url')
}

/** The browser behind a form of ours. Throws Refusal (wrong_browser) for a form that some other page sent. */
export function assertOwnForm(deps: Pick<Deps, 'settings' | 'secrets'>, request: FastifyRequest, csrf: string): string {
  const { issuer } = deps.settings
  const { origin, 'sec-fetch-site': site } = request.headers
  if (origin !== undefined && origin !== 'null' && origin !== new URL(issuer).origin) {
    throw new Refusal('wrong_browser', 'a form of another origin')
  }
  if (site !== undefined && site !== 'same-origin') throw new Refusal('wrong_browser', 'a form of another site')
  const browser = findBrowser(issuer, request)
  if (browser === undefined) throw new Refusal('wrong_browser', 'no browser cookie')
  const presented = Buffer.from(csrf, 'base64url')
  const isOurs = deps.secrets.tokenKeys.some((key) => macMatches(presented, macOf(key, 'csrf1', issuer, browser)))
  if (!isOurs) throw new Refusal('wrong_browser', 'the form was not made for this browser')
  return browser
}
