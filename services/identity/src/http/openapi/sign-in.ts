import {
  authorizationRequestSchema,
  authorizationResponseSchema,
  logoutRequestSchema,
} from '@meridian/protocol/authorization-request'
import { challengeAnsweredSchema, challengeStartedSchema } from '@meridian/protocol/oauth'
import { challengeAnswerSchema, challengeStartSchema } from '@meridian/protocol/oauth-requests'
import { type Answer, IDEMPOTENCY_KEY_FOR_CODE, type Operation, redirectTo } from './operation.ts'
import { challengeRequestSchema } from './schemas.ts'

const PAGE_ERRORS = { kind: 'page', statuses: [400, 429, 500, 503] } as const
const FORM_PAGE_ERRORS = { kind: 'page', statuses: [400, 403, 413, 415, 429, 500, 503] } as const

const RETURNED: Answer = {
  status: 303,
  description:
    'To the redirect URI, with a code or with an error that the client is to know; or to a page of the sign-in, which comes back here.',
  headers: { Location: redirectTo('The redirect URI with the parameters below, or a page of the sign-in.') },
  parameters: authorizationResponseSchema,
}

const SIGNED_OUT: readonly Answer[] = [
  { status: 200, description: 'A page: signed out, or the question whether to.', mediaType: 'text/html' },
  {
    status: 303,
    description: 'Signed out, and back to the client.',
    headers: { Location: redirectTo('`post_logout_redirect_uri`, with `state`.') },
  },
]

export const SIGN_IN_OPERATIONS: readonly Operation[] = [
  {
    id: 'startOrAnswerChallenge',
    area: 'Signing in',
    method: 'post',
    path: '/oauth/challenge',
    summary: 'Signs in without a browser, by a code that is mailed',
    description:
      'For first-party clients (draft-ietf-oauth-first-party-apps). The first call mails a code and is answered with 400 `insufficient_authorization` and an `auth_session`, whether or not the address is known; the second brings `auth_session` and `otp` and gets an authorization code. With `auth_session`, the first call again mails another code.',
    caller: 'client',
    isRateLimited: true,
    parameters: [IDEMPOTENCY_KEY_FOR_CODE],
    body: {
      kind: 'form',
      schema: challengeRequestSchema,
      examples: [
        { summary: 'Send a code', of: challengeStartSchema, fields: ['client_id'] },
        { summary: 'Answer with the code', of: challengeAnswerSchema, fields: ['client_id'] },
      ],
    },
    answers: [
      { status: 200, description: 'The code was right.', schema: challengeAnsweredSchema },
      { status: 400, description: 'If the address is known, a code was sent to it.', schema: challengeStartedSchema },
    ],
    errors: { kind: 'oauth', codes: ['invalid_code', 'invalid_scope', 'invalid_target', 'method_not_supported'] },
  },
  {
    id: 'authorize',
    area: 'Signing in',
    method: 'get',
    path: '/oauth/authorize',
    summary: 'Signs in at the hosted pages, and comes back with a code',
    description:
      'Opened by a browser (RFC 6749 §4.1, OpenID Connect Core §3.1.2), with PKCE. A fault of `client_id` or `redirect_uri` is shown to the person and nobody is redirected; any other fault goes back to the client.',
    caller: 'browser',
    isRateLimited: true,
    query: authorizationRequestSchema,
    answers: [
      RETURNED,
      {
        status: 200,
        description: 'With `response_mode=form_post`: a page whose form posts the same parameters.',
        mediaType: 'text/html',
        parameters: authorizationResponseSchema,
      },
    ],
    errors: PAGE_ERRORS,
  },
  {
    id: 'authorizeByForm',
    area: 'Signing in',
    method: 'post',
    path: '/oauth/authorize',
    summary: 'The same, with the parameters in a form',
    caller: 'browser',
    isRateLimited: true,
    body: {
      kind: 'form',
      schema: authorizationRequestSchema,
      examples: [
        {
          summary: 'Code with PKCE',
          fields: ['response_type', 'scope', 'state', 'code_challenge', 'code_challenge_method'],
        },
      ],
    },
    answers: [
      {
        status: 303,
        description: 'To the same address with the parameters in its query; or back to the client with an error.',
        headers: { Location: redirectTo('GET /oauth/authorize, or the redirect URI.') },
        parameters: authorizationResponseSchema,
      },
    ],
    errors: FORM_PAGE_ERRORS,
  },
  {
    id: 'logout',
    area: 'Signing in',
    method: 'get',
    path: '/oauth/logout',
    summary: 'Signs the browser out',
    description:
      'OpenID Connect RP-Initiated Logout 1.0. A client that shows an ID token of this browser’s own sign-in is believed; anybody else’s request is put to the person.',
    caller: 'browser',
    isRateLimited: true,
    query: logoutRequestSchema,
    answers: SIGNED_OUT,
    errors: PAGE_ERRORS,
  },
  {
    id: 'logoutByForm',
    area: 'Signing in',
    method: 'post',
    path: '/oauth/logout',
    summary: 'The same, with the parameters in a form',
    description: 'The page that asks posts here too, with fields of its own.',
    caller: 'browser',
    isRateLimited: true,
    body: {
      kind: 'form',
      schema: logoutRequestSchema,
      examples: [{ summary: 'Sign out and come back', fields: ['client_id', 'post_logout_redirect_uri', 'state'] }],
    },
    answers: SIGNED_OUT,
    errors: FORM_PAGE_ERRORS,
  },
]
