// GET and POST /sign-in/account: go on as who is signed in here, or as somebody else (prompt=select_account).
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../../deps.ts'
import { renderAccount } from '../../pages/account-page.ts'
import { findSignOn } from '../../sessions/sign-on.ts'
import { PAGE_PATHS, type RawParameters, resumeAfterChoice } from '../authorization-query.ts'
import type { RateLimit } from '../rate-limits.ts'
import { PAGE, seeOther, sendPage } from '../send-page.ts'
import { readSignOnSecret } from '../sign-on-cookie.ts'
import { accountFormSchema } from './schema.ts'
import { visitByForm, visitWith } from './visit.ts'

export function accountPage(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const config = { rateLimit, ...PAGE }
  app.get<{ Querystring: RawParameters }>(PAGE_PATHS.account, { config }, async (request, reply) => {
    const visit = await visitWith(deps, request, reply, request.query)
    const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
    if (signOn === undefined) return seeOther(reply, visit.otherAccountUrl)
    const { csrf, query, asked, cancelUrl } = visit
    const { email, name } = signOn
    const view = { csrf, request: query, clientName: asked.client.name, email, name, cancelUrl }
    return sendPage(reply, renderAccount(visit.frame, view))
  })

  app.post(PAGE_PATHS.account, { config }, async (request, reply) => {
    const { visit, form } = await visitByForm(deps, request, reply, accountFormSchema)
    return seeOther(reply, form.choice === 'other' ? visit.otherAccountUrl : resumeAfterChoice(visit.query))
  })
}
