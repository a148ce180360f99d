// GET and POST /oauth/logout (OpenID Connect RP-Initiated Logout 1.0 §2). A client that shows an ID token of this
// browser's own sign-on is believed; anybody else's request is put to the person, because a link could have made it.
// The rules are in sessions/rp-logout.ts.
import { logoutRequestSchema } from '@meridian/protocol/authorization-request'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Deps } from '../../../deps.ts'
import { formTargetOf } from '../../../directory/redirect-uri.ts'
import type { Frame } from '../../../pages/page.ts'
import { renderSignOut } from '../../../pages/sign-out-page.ts'
import { renderSignedOut } from '../../../pages/signed-out-page.ts'
import { Refusal } from '../../../refusal.ts'
import { type CheckedLogout, checkLogout, isAskedByOwnClient } from '../../../sessions/rp-logout.ts'
import { findSignOn, signOut } from '../../../sessions/sign-on.ts'
import { logoutQueryOf, parseQuery, type RawParameters } from '../../authorization-query.ts'
import { assertOwnForm, csrfTokenOf, getBrowser } from '../../browser-cookie.ts'
import { parseForm } from '../../form.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../../send-page.ts'
import { clearSignOnCookie, readSignOnSecret } from '../../sign-on-cookie.ts'
import { clearRefreshCookies } from '../refresh-cookie.ts'

const confirmationSchema = z.object({
  csrf: z.string().min(1).max(100),
  request: z.string().max(12_000),
  confirm: z.enum(['this', 'all']),
})

export function logoutRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const config = { rateLimit, ...PAGE }
  app.get<{ Querystring: RawParameters }>('/oauth/logout', { config }, (request, reply) =>
    ask(deps, request, reply, request.query),
  )
  app.post('/oauth/logout', { config }, (request, reply) => {
    const body = (request.body ?? {}) as RawParameters
    return 'confirm' in body ? confirm(deps, request, reply) : ask(deps, request, reply, body)
  })
}

async function ask(deps: Deps, request: FastifyRequest, reply: FastifyReply, raw: RawParameters) {
  const checked = await check(deps, raw)
  const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
  // A form of another site brings no cookie, and must not pass for a browser that nobody is signed in to.
  if (signOn === undefined && request.method === 'POST') return seeOther(reply, `/oauth/logout?${logoutQueryOf(raw)}`)
  if (signOn !== undefined && (await isAskedByOwnClient(deps, checked.hint, signOn))) {
    const secret = readSignOnSecret(deps.settings.issuer, request)
    const ended = await signOut(deps, secret, 'this', originOf(request))
    return leave(deps, reply, checked, ended)
  }
  if (signOn === undefined) return leave(deps, reply, checked, [])
  const page = renderSignOut(frameOf(deps, checked), {
    csrf: csrfTokenOf(deps, getBrowser(deps, request, reply)),
    query: logoutQueryOf(raw),
    clientName: checked.client?.name ?? null,
    email: signOn.email,
  })
  return sendPage(reply, page)
}

async function confirm(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = parseForm(confirmationSchema, request)
  assertOwnForm(deps, request, form.csrf)
  const checked = await check(deps, parseQuery(form.request))
  const secret = readSignOnSecret(deps.settings.issuer, request)
  return leave(deps, reply, checked, await signOut(deps, secret, form.confirm, originOf(request)))
}

function check(deps: Deps, raw: RawParameters): Promise<CheckedLogout> {
  const parsed = logoutRequestSchema.safeParse(raw)
  if (!parsed.success) throw new Refusal('bad_logout_request', 'a parameter is repeated or malformed')
  return checkLogout(deps, parsed.data)
}

function frameOf(deps: Deps, checked: CheckedLogout): Frame {
  const formTargets = checked.returnUrl === null ? [] : [formTargetOf(checked.returnUrl)]
  return { productName: deps.settings.productName, brand: null, formTargets }
}

function leave(deps: Deps, reply: FastifyReply, checked: CheckedLogout, endedClients: readonly string[]) {
  const { issuer } = deps.settings
  clearSignOnCookie(issuer, reply)
  for (const clientId of new Set(endedClients)) clearRefreshCookies(reply, issuer, clientId)
  void reply.header('clear-site-data', '"storage"')
  if (checked.returnUrl !== null) return seeOther(reply, checked.returnUrl)
  return sendPage(
    reply,
    renderSignedOut(frameOf(deps, checked), { clientName: checked.client?.name ?? null, returnUrl: null }),
  )
}
