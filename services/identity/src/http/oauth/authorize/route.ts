// GET and POST /oauth/authorize (RFC 6749 §3.1, OpenID Connect Core §3.1.2): (1) the request is checked
// (login/authorization-request.ts), (2) the browser's sign-on is found, (3) login/authorize.ts says what is next,
// (4) a page or the client is where the browser goes. The pages themselves are in http/pages.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { AuthorizationError } from '../../../login/authorization-error.ts'
import { type AuthorizationRequest, readAuthorizationRequest } from '../../../login/authorization-request.ts'
import { type Authorization, authorize } from '../../../login/authorize.ts'
import { type IdTokenHint, openIdTokenHint } from '../../../sessions/id-token.ts'
import { findSignOn } from '../../../sessions/sign-on.ts'
import {
  AUTHORIZE_PATH,
  authorizationQueryOf,
  offerOfInvitations,
  PAGE_PATHS,
  type RawParameters,
  wasResumed,
} from '../../authorization-query.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'
import { PAGE, seeOther, sendAuthorizationResponse } from '../../send-page.ts'
import { readSignOnSecret } from '../../sign-on-cookie.ts'

export function authorizeRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  const config = { rateLimit, ...PAGE }
  app.get<{ Querystring: RawParameters }>(AUTHORIZE_PATH, { config }, (request, reply) => answer(deps, request, reply))
  // A form of another site brings no SameSite=Lax cookie; the redirect to a GET does.
  app.post(AUTHORIZE_PATH, { config }, async (request, reply) => {
    const parameters = (request.body ?? {}) as RawParameters
    await readAuthorizationRequest(deps.db, parameters)
    return seeOther(reply, `${AUTHORIZE_PATH}?${authorizationQueryOf(parameters)}`)
  })
}

async function answer(
  deps: Deps,
  request: FastifyRequest<{ Querystring: RawParameters }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = await readAuthorizationRequest(deps.db, request.query)
  request.logFields = { ...request.logFields, client_id: asked.client.id }
  const hint = readHint(deps, asked)
  const signOn = await findSignOn(deps, readSignOnSecret(deps.settings.issuer, request))
  if (hint !== undefined && signOn !== undefined && hint.sub !== signOn.user_id && wasResumed(request.query)) {
    throw new AuthorizationError('login_required', 'another person signed in', asked.returnAddress)
  }
  const offer = offerOfInvitations(request.query)
  const next = await authorize(deps, asked, signOn, hint, offer, originOf(request))
  if (next.kind === 'code') {
    return sendAuthorizationResponse(reply, deps.settings, asked.returnAddress, { code: next.code })
  }
  return seeOther(reply, `${pathOf(next)}?${authorizationQueryOf(request.query)}`)
}

function readHint(deps: Deps, asked: AuthorizationRequest): IdTokenHint | undefined {
  if (asked.idTokenHint === undefined) return undefined
  const hint = openIdTokenHint(deps, asked.idTokenHint)
  if (hint === undefined) {
    throw new AuthorizationError('invalid_request', 'id_token_hint: is not an ID token of ours', asked.returnAddress)
  }
  return hint
}

function pathOf(next: Exclude<Authorization, { kind: 'code' }>): string {
  switch (next.kind) {
    case 'sign_in':
      return PAGE_PATHS.address
    case 'choose_account':
      return PAGE_PATHS.account
    case 'invitations':
      return PAGE_PATHS.invitations
    case 'choose_context':
    case 'no_membership':
    case 'no_access':
      return PAGE_PATHS.context
  }
}
