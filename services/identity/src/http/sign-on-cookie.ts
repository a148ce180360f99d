import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { signOnCookieSeconds } from '../sessions/sign-on.ts'
import { HOST_COOKIE, hostCookieName } from './browser-cookie.ts'

/** The secret of this browser's sign-on, as presented. */
export function readSignOnSecret(issuer: string, request: FastifyRequest): string | undefined {
  return request.cookies[hostCookieName(issuer, 'sign-on')]
}

export function setSignOnCookie(deps: Pick<Deps, 'settings'>, reply: FastifyReply, secret: string): void {
  const name = hostCookieName(deps.settings.issuer, 'sign-on')
  void reply.setCookie(name, secret, { ...HOST_COOKIE, maxAge: signOnCookieSeconds(deps) })
}

export function clearSignOnCookie(issuer: string, reply: FastifyReply): void {
  void reply.clearCookie(hostCookieName(issuer, 'sign-on'), HOST_COOKIE)
}
