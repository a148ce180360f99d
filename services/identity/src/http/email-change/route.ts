// /email-change/stop and /email-change/stop/code: where the mails to an old address point. Looking never spends or
// stops anything: only a form with the code does (mail scanners follow links). The rules are login/email-change-stop.ts.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import {
  answerEmailChangeStop,
  readStopFlow,
  type StopFlow,
  startEmailChangeStop,
} from '../../login/email-change-stop.ts'
import type { Frame } from '../../pages/page.ts'
import { renderStopAddress, renderStopCode, renderStopDone } from '../../pages/stop-email-change-pages.ts'
import { Refusal } from '../../refusal.ts'
import { assertOwnForm, csrfTokenOf, findBrowser, getBrowser } from '../browser-cookie.ts'
import { parseForm } from '../form.ts'
import { originOf } from '../origin.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { stopCodeFormSchema, stopFormSchema, stopQuerySchema } from './schema.ts'

const STOP = '/email-change/stop'
const CODE = '/email-change/stop/code'

export function emailChangePages(
  app: FastifyInstance,
  deps: Deps,
  limits: { pages: RateLimit; codes: RateLimit },
): void {
  const show = { config: { rateLimit: limits.pages, ...PAGE } }
  const take = { config: { rateLimit: limits.codes, ...PAGE } }

  app.get(STOP, show, async (request, reply) => {
    const csrf = csrfTokenOf(deps, getBrowser(deps, request, reply))
    return sendPage(reply, renderStopAddress(frameOf(deps), { csrf, email: null, error: null }))
  })

  app.post(STOP, take, (request, reply) => takeAddress(deps, request, reply))

  app.get(CODE, show, async (request, reply) => {
    const query = stopQuerySchema.safeParse(request.query)
    if (!query.success) throw new Refusal('invalid_request', 'no flow is named')
    const browser = findBrowser(deps.settings.issuer, request)
    if (browser === undefined) throw new Refusal('wrong_browser', 'no browser cookie')
    const flow = await readStopFlow(deps, query.data.flow, browser)
    return sendCodePage(deps, reply, flow, { browser, error: null })
  })

  app.post(CODE, take, (request, reply) => takeCode(deps, request, reply))
}

function frameOf({ settings }: Pick<Deps, 'settings'>): Frame {
  return { productName: settings.productName, brand: null, formTargets: [] }
}

async function takeAddress(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = parseForm(stopFormSchema, request)
  const browser = assertOwnForm(deps, request, form.csrf)
  try {
    const handle = await startEmailChangeStop(deps, { email: form.email, browser, previous: form.flow })
    return seeOther(reply, `${CODE}?${new URLSearchParams({ flow: handle }).toString()}`)
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_request') throw error
    const view = { csrf: csrfTokenOf(deps, browser), email: form.email, error: 'not_an_address' } as const
    return sendPage(reply, renderStopAddress(frameOf(deps), view), 400)
  }
}

async function takeCode(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const form = parseForm(stopCodeFormSchema, request)
  const browser = assertOwnForm(deps, request, form.csrf)
  const flow = await readStopFlow(deps, form.flow, browser)
  try {
    const outcome = await answerEmailChangeStop(deps, flow, { otp: form.otp, browser, origin: originOf(request) })
    return sendPage(reply, renderStopDone(frameOf(deps), { outcome }))
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_code') throw error
    return sendCodePage(deps, reply, flow, { browser, error: 'wrong_code' })
  }
}

/** A code that was used, or is too old, is not asked for again. */
function sendCodePage(
  deps: Deps,
  reply: FastifyReply,
  flow: StopFlow,
  { browser, error }: { browser: string; error: 'wrong_code' | null },
): FastifyReply {
  if (flow.isConsumed || flow.isExpired) throw new Refusal('expired_flow', 'the code was used or has expired')
  const { handle, email, resendInSeconds } = flow
  const view = { csrf: csrfTokenOf(deps, browser), flow: handle, email, error, resendInSeconds }
  return sendPage(reply, renderStopCode(frameOf(deps), view), error === null ? 200 : 400)
}
