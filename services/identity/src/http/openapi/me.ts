import {
  emailChangeConfirmationSchema,
  emailChangedSchema,
  emailChangeRequestSchema,
  emailChangeStartedSchema,
} from '@meridian/protocol/email-change'
import { sessionIdSchema } from '@meridian/protocol/ids'
import { contextChoiceSchema, contextListQuerySchema, contextListSchema } from '@meridian/protocol/me'
import { sessionListSchema, sessionRevocationSchema, sessionsRevokedSchema } from '@meridian/protocol/sessions'
import { IDEMPOTENCY_KEY_FOR_CODE, type Operation, pathParameter } from './operation.ts'

const OWN = { area: 'The signed-in person', caller: 'person' } as const
const STEP_UP = 'Needs a recent sign-in (RFC 9470): `insufficient_user_authentication` says how recent, in `max_age`.'

export const ME_OPERATIONS: readonly Operation[] = [
  {
    ...OWN,
    id: 'listContexts',
    method: 'get',
    path: '/v1/me/contexts',
    summary: 'Where the person may act: organizations, regions, roles',
    description:
      '`resource` and `org_id` go together and name the context that the caller acts in; it is marked `current`.',
    query: contextListQuerySchema,
    answers: [{ status: 200, description: 'All of them; none is no error.', schema: contextListSchema }],
    errors: { kind: 'problem', codes: [] },
  },
  {
    ...OWN,
    id: 'rememberContext',
    method: 'put',
    path: '/v1/me/context',
    summary: 'Remembers a choice of organization and region',
    description: 'For this client and its next sign-in. It changes no token: ask for one at the token endpoint.',
    body: { kind: 'json', schema: contextChoiceSchema, examples: [{ summary: 'Choose' }] },
    answers: [{ status: 204, description: 'Remembered.' }],
    errors: { kind: 'problem', codes: ['access_denied', 'region_unavailable'] },
  },
  {
    ...OWN,
    id: 'changeEmail',
    method: 'post',
    path: '/v1/me/email',
    summary: 'Changes the own address: mails a code to the new one',
    description: `${STEP_UP} The answer is the same whether or not the address is somebody’s. The old address is told, and can stop or undo the change.`,
    isRateLimited: true,
    body: { kind: 'json', schema: emailChangeRequestSchema, examples: [{ summary: 'A new address' }] },
    answers: [{ status: 202, description: 'A code is on its way, if it can be.', schema: emailChangeStartedSchema }],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication', 'conflict'] },
  },
  {
    ...OWN,
    id: 'confirmEmail',
    method: 'post',
    path: '/v1/me/email/confirm',
    summary: 'Confirms the new address with the code',
    isRateLimited: true,
    parameters: [IDEMPOTENCY_KEY_FOR_CODE],
    body: { kind: 'json', schema: emailChangeConfirmationSchema, examples: [{ summary: 'The code that arrived' }] },
    answers: [{ status: 200, description: 'Changed.', schema: emailChangedSchema }],
    errors: { kind: 'problem', codes: ['invalid_code', 'email_taken'] },
  },
  {
    ...OWN,
    id: 'listSessions',
    method: 'get',
    path: '/v1/me/sessions',
    summary: 'Where the person is signed in',
    answers: [{ status: 200, description: 'Live sessions, and those that ended by reuse.', schema: sessionListSchema }],
    errors: { kind: 'problem', codes: [] },
  },
  {
    ...OWN,
    id: 'endSession',
    method: 'delete',
    path: '/v1/me/sessions/{id}',
    summary: 'Ends one session',
    description: `Another one than the own: ${STEP_UP.charAt(0).toLowerCase()}${STEP_UP.slice(1)}`,
    parameters: [pathParameter('id', sessionIdSchema, 'Id of the session.')],
    answers: [{ status: 204, description: 'Ended.' }],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication', 'not_found'] },
  },
  {
    ...OWN,
    id: 'endSessions',
    method: 'post',
    path: '/v1/me/sessions/revoke',
    summary: 'Ends all other sessions, or all',
    description: STEP_UP,
    body: { kind: 'json', schema: sessionRevocationSchema, examples: [{ summary: 'All but this one' }] },
    answers: [{ status: 200, description: 'Ended.', schema: sessionsRevokedSchema }],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication'] },
  },
]
