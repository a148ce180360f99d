// GET and POST /sign-in/code, POST /sign-in/resend: the code that was mailed. Looking never spends anything: only the
// form counts as an attempt (mail scanners follow links, and there is none to follow).
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import { answerSignIn, readSignInFlow, type SignInFlow, startSignIn } from '../../login/sign-in-flow.ts'
import { renderCode } from '../../pages/code-page.ts'
import { Refusal } from '../../refusal.ts'
import { findSignOn } from '../../sessions/sign-on.ts'
import { PAGE_PATHS, parseQuery, resumeAfterSignIn } from '../authorization-query.ts'
import { assertOwnForm, findBrowser } from '../browser-cookie.ts'
import { parseForm } from '../form.ts'
import { originOf } from '../origin.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { readSignOnSecret, setSignOnCookie } from '../sign-on-cookie.ts'
import { codeFormSchema, flowQuerySchema, resendFormSchema } from './schema.ts'
import { visitWith } from './visit.ts'

export function codePage(app: FastifyInstance, deps: Deps, limits: { pages: RateLimit; codes: RateLimit }): void {
  app.get(PAGE_PATHS.code, { config: { rateLimit: limits.pages, ...PAGE } }, async (request, reply) => {
    const query = flowQuerySchema.safeParse(request.query)
    if (!query.success) throw new Refusal('invalid_request', 'no flow is named')
    const flow = await readFlow(deps, query.data.flow, findBrowser(deps.settings.issuer, request))
    if (flow.isConsumed) return await leave(deps, request, reply, flow)
    if (flow.isExpired) throw new Refusal('expired_flow', 'the code has expired')
    return sendCodePage(deps, request, reply, flow, null)
  })

  app.post(PAGE_PATHS.code, { config: { rateLimit: limits.codes, ...PAGE } }, (request, reply) =>
    takeCode(deps, request, reply),
  )

  app.post(PAGE_PATHS.resend, { config: { rateLimit: limits.codes, ...PAGE } }, async (request, reply) => {
    const form = parseForm(resendFormSchema, request)
    const browser = assertOwnForm(deps, request, form.csrf)
    const flow = await readFlow(deps, form.flow, browser)
    if (flow.isConsumed) return await leave(deps, request, reply, flow)
    const origin = originOf(request)
    const start = { email: flow.email, request: flow.request, browser, previous: flow.handle, origin }
    const started = await startSignIn(deps, { id: flow.clientId }, start)
    return seeOther(reply, `${PAGE_PATHS.code}?${new URLSearchParams({ flow: started.authSession }).toString()}`)
  })
}

function readFlow(deps: Deps, handle: string, browser: string | undefined): Promise<SignInFlow> {
  if (browser === undefined) throw new Refusal('wrong_browser', 'no browser cookie')
  return readSignInFlow(deps, handle, browser)
}

/** The flow is over: whoever is signed in goes on to the client, anybody else begins anew. */
async function leave(deps: Deps, request: FastifyRequest, reply: FastifyReply, flow: SignInFlow) {
  const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
  if (signOn === undefined) throw new Refusal('expired_flow', 'the code was used')
  return seeOther(reply, resumeAfterSignIn(flow.request))
}

async function takeCode(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = parseForm(codeFormSchema, request)
  const browser = assertOwnForm(deps, request, form.csrf)
  const flow = await readFlow(deps, form.flow, browser)
  try {
    const previousSecret = readSignOnSecret(deps.settings.issuer, request)
    const secret = await answerSignIn(deps, flow, { otp: form.otp, browser, previousSecret, origin: originOf(request) })
    setSignOnCookie(deps, reply, secret)
    return seeOther(reply, resumeAfterSignIn(flow.request))
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_code') throw error
    if (flow.isConsumed) return leave(deps, request, reply, flow)
    if (flow.isExpired) throw new Refusal('expired_flow', 'the code has expired')
    return sendCodePage(deps, request, reply, flow, 'wrong_code')
  }
}

async function sendCodePage(
  deps: Deps,
  request: FastifyRequest,
  reply: FastifyReply,
  flow: SignInFlow,
  error: 'wrong_code' | null,
): Promise<FastifyReply> {
  const visit = await visitWith(deps, request, reply, parseQuery(flow.request))
  const page = renderCode(visit.frame, {
    csrf: visit.csrf,
    flow: flow.handle,
    email: flow.email,
    clientName: visit.asked.client.name,
    error,
    resendInSeconds: flow.resendInSeconds,
    expiresInMinutes: Math.ceil(flow.expiresInSeconds / 60),
    otherAddressUrl: visit.otherAccountUrl,
    cancelUrl: visit.cancelUrl,
  })
  return sendPage(reply, page, error === null ? 200 : 400)
}
