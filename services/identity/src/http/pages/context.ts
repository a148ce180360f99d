// GET and POST /sign-in/context: in which organization and region, where there are several; and what to do where
// there is none. A choice is remembered for this person and client, as the switcher's click is.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../deps.ts'
import { chooseContext } from '../../directory/choose-context.ts'
import { type OfferedContext, offeredPlace } from '../../login/authorize.ts'
import { renderContext } from '../../pages/context-page.ts'
import { renderNoAccess } from '../../pages/no-access-page.ts'
import { renderNoMembership } from '../../pages/no-membership-page.ts'
import { Refusal } from '../../refusal.ts'
import { findSignOn, type SignOn } from '../../sessions/sign-on.ts'
import { PAGE_PATHS, type RawParameters, resumeAfterChoice, resumeSilently } from '../authorization-query.ts'
import { originOf } from '../origin.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { readSignOnSecret } from '../sign-on-cookie.ts'
import { contextFormSchema } from './schema.ts'
import { type Visit, visitByForm, visitWith } from './visit.ts'

export function contextPage(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const config = { rateLimit, ...PAGE }
  app.get<{ Querystring: RawParameters }>(PAGE_PATHS.context, { config }, async (request, reply) => {
    const visit = await visitWith(deps, request, reply, request.query)
    const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
    return signOn === undefined ? seeOther(reply, visit.otherAccountUrl) : show(deps, reply, visit, signOn)
  })

  app.post(PAGE_PATHS.context, { config }, (request, reply) => choose(deps, request, reply))
}

async function show(deps: Deps, reply: FastifyReply, visit: Visit, signOn: SignOn): Promise<FastifyReply> {
  const { asked, csrf, query, frame, otherAccountUrl, cancelUrl } = visit
  const place = await offeredPlace(deps, asked, signOn)
  const common = { clientName: asked.client.name, email: signOn.email, otherAccountUrl }
  switch (place.kind) {
    case 'bound':
    case 'unbound':
      return seeOther(reply, resumeAfterChoice(query))
    case 'no_access':
      return sendPage(reply, renderNoAccess(frame, { ...common, cancelUrl }))
    case 'no_membership':
      return sendPage(reply, renderNoMembership(frame, { ...common, cancelUrl, continueUrl: resumeSilently(query) }))
    case 'choose_context':
      return sendPage(
        reply,
        renderContext(frame, {
          ...common,
          csrf,
          request: query,
          contexts: place.contexts.map(present),
          laterUrl: place.isNeeded ? null : resumeSilently(query),
        }),
      )
  }
}

function present(row: OfferedContext) {
  return {
    orgId: row.org_id,
    orgName: row.org_name,
    region: row.region,
    regionName: row.region_name,
    role: row.role,
    isAvailable: row.region_status !== 'unreachable',
  }
}

async function choose(deps: Deps, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { visit, form } = await visitByForm(deps, request, reply, contextFormSchema)
  const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
  if (signOn === undefined) return seeOther(reply, visit.otherAccountUrl)
  const [orgId = '', region = ''] = form.context.split(' ')
  const person = { userId: signOn.user_id, clientId: visit.asked.client.id, sessionId: null }
  try {
    await chooseContext(deps, person, { orgId, region }, originOf(request))
  } catch (error) {
    // Went away since the page was shown: it is shown again, and says so.
    if (!(error instanceof Refusal) || error.code !== 'region_unavailable') throw error
    return seeOther(reply, `${PAGE_PATHS.context}?${visit.query}`)
  }
  return seeOther(reply, resumeAfterChoice(visit.query))
}
