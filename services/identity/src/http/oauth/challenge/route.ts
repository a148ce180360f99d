// POST /oauth/challenge: native sign-in by e-mailed code, after draft-ietf-oauth-first-party-apps §5.
// The checks in order: client, first party, origin, then one of the two calls. login/ owns what they do.
import { challengeAnswerSchema, challengeStartSchema } from '@meridian/protocol/oauth-requests'
import { OAuthError } from '@meridian/service-kit/oauth-error'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Deps } from '../../../deps.ts'
import { assertOriginAllowed, type Client } from '../../../directory/client-rules.ts'
import { authenticateClient, type ClientCredentials } from '../../../grants/authenticate-client.ts'
import { answerChallenge, startChallenge } from '../../../login/challenge.ts'
import { Refusal } from '../../../refusal.ts'
import { findBrowser } from '../../browser-cookie.ts'
import { parseForm } from '../../form.ts'
import { readRetryKeyHash } from '../../idempotency-key.ts'
import { originOf } from '../../origin.ts'
import type { RateLimit } from '../../rate-limits.ts'

export function challengeRoute(app: FastifyInstance, deps: Deps, rateLimit: RateLimit): void {
  app.post('/oauth/challenge', { config: { rateLimit } }, async (request) => {
    const isAnswer = typeof request.body === 'object' && request.body !== null && 'otp' in request.body
    return isAnswer ? answer(deps, request) : start(deps, request)
  })
}

async function start(deps: Deps, request: FastifyRequest): Promise<never> {
  const form = parseForm(challengeStartSchema, request)
  const client = await authenticateFirstParty(deps, request, form)
  const started = await startChallenge(deps, client, {
    method: form.method,
    contact: form.contact,
    codeChallenge: form.code_challenge,
    scope: form.scope,
    resource: form.resource,
    org: form.org_id?.toLowerCase(),
    authSession: form.auth_session,
    device: findBrowser(deps.settings.issuer, request),
    origin: originOf(request),
  })
  // The draft's answer to a first step is an error: more is needed before anything is authorized.
  throw new OAuthError('insufficient_authorization', {
    description: 'If the address is known, a code was sent to it. Submit it with auth_session',
    members: {
      auth_session: started.authSession,
      expires_in: started.expiresInSeconds,
      resend_in: started.resendInSeconds,
    },
  })
}

async function answer(deps: Deps, request: FastifyRequest): Promise<{ authorization_code: string }> {
  const form = parseForm(challengeAnswerSchema, request)
  const client = await authenticateFirstParty(deps, request, form)
  const code = await answerChallenge(deps, client, {
    authSession: form.auth_session,
    otp: form.otp,
    retryKeyHash: readRetryKeyHash(request),
    origin: originOf(request),
    device: findBrowser(deps.settings.issuer, request),
  })
  return { authorization_code: code }
}

async function authenticateFirstParty(
  deps: Deps,
  request: FastifyRequest,
  form: Omit<ClientCredentials, 'authorization'>,
): Promise<Client> {
  const { authorization, origin } = request.headers
  const client = await authenticateClient(deps, { ...form, authorization })
  request.logFields = { ...request.logFields, client_id: client.id }
  if (!client.firstParty) throw new Refusal('unauthorized_client', 'only first-party clients may take codes themselves')
  assertOriginAllowed(client, origin)
  return client
}
