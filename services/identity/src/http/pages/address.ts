// GET and POST /sign-in: which address. The answer to the form is the same whether the address is known or not.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import { AuthorizationError } from '../../login/authorization-error.ts'
import { startSignIn } from '../../login/sign-in-flow.ts'
import { renderAddress } from '../../pages/address-page.ts'
import { Refusal } from '../../refusal.ts'
import { PAGE_PATHS, type RawParameters } from '../authorization-query.ts'
import { originOf } from '../origin.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { addressFormSchema } from './schema.ts'
import { type Visit, visitByForm, visitWith } from './visit.ts'

const REQUEST_MAX_CHARACTERS = 6000

export function addressPage(app: FastifyInstance, deps: Deps, limits: { pages: RateLimit; codes: RateLimit }): void {
  const show = { config: { rateLimit: limits.pages, ...PAGE } }
  app.get<{ Querystring: RawParameters }>(PAGE_PATHS.address, show, async (request, reply) => {
    const visit = await visitWith(deps, request, reply, request.query)
    assertKeepable(visit)
    return sendAddressPage(reply, visit, { email: visit.asked.loginHint ?? null, error: null })
  })

  app.post(PAGE_PATHS.address, { config: { rateLimit: limits.codes, ...PAGE } }, (request, reply) =>
    takeAddress(deps, request, reply),
  )

  // The person does not want to sign in; the client is told so. RFC 6749 §4.1.2.1.
  app.get<{ Querystring: RawParameters }>(PAGE_PATHS.cancel, show, async (request, reply) => {
    const { asked } = await visitWith(deps, request, reply, request.query)
    throw new AuthorizationError('access_denied', 'the person did not sign in', asked.returnAddress)
  })
}

/** The request is kept with the challenge, for anybody who asks: it has a size. */
function assertKeepable({ query }: Visit): void {
  if (query.length > REQUEST_MAX_CHARACTERS) throw new Refusal('invalid_request', 'a request that is too long to keep')
}

async function takeAddress(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { visit, form } = await visitByForm(deps, request, reply, addressFormSchema)
  assertKeepable(visit)
  try {
    const { client } = visit.asked
    const start = { email: form.email, request: visit.query, browser: visit.browser, origin: originOf(request) }
    const started = await startSignIn(deps, client, start)
    return seeOther(reply, `${PAGE_PATHS.code}?${new URLSearchParams({ flow: started.authSession }).toString()}`)
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'invalid_request') throw error
    return sendAddressPage(reply, visit, { email: form.email, error: 'not_an_address' }, 400)
  }
}

function sendAddressPage(
  reply: FastifyReply,
  visit: Visit,
  shown: { email: string | null; error: 'not_an_address' | null },
  status = 200,
): FastifyReply {
  const { csrf, query, asked, frame, cancelUrl } = visit
  const view = { csrf, request: query, clientName: asked.client.name, cancelUrl, ...shown }
  return sendPage(reply, renderAddress(frame, view), status)
}
