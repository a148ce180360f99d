import { supportGrantIdSchema } from '@meridian/protocol/ids'
import { pageQuerySchema } from '@meridian/protocol/paging'
import {
  supportApprovalSchema,
  supportGrantPageSchema,
  supportGrantSchema,
  supportRequestSchema,
} from '@meridian/protocol/support'
import { CREATED_AT, IDEMPOTENCY_KEY_FOR_RETRY, type Operation, ORG_NAME, pathParameter } from './operation.ts'

const SUPPORT = { area: 'Support access', caller: 'person' } as const
const ID = pathParameter('id', supportGrantIdSchema, 'Id of the support grant.')
const OF_ORG = [ORG_NAME, ID]
const GRANT = { status: 200, description: 'As it is now.', schema: supportGrantSchema } as const
const PAGE = { status: 200, description: 'One page, newest first.', schema: supportGrantPageSchema } as const

export const SUPPORT_OPERATIONS: readonly Operation[] = [
  {
    ...SUPPORT,
    id: 'listSupportGrants',
    method: 'get',
    path: '/v1/support-grants',
    summary: 'What the platform’s people have asked for',
    description: 'For sys-admins.',
    query: pageQuerySchema,
    answers: [PAGE],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...SUPPORT,
    id: 'requestSupport',
    method: 'post',
    path: '/v1/support-grants',
    summary: 'Asks an organization for access to it in one region, for a while',
    description:
      'For sys-admins with a recent sign-in (RFC 9470). The organization’s managers are mailed; nothing can be seen before one of that region approves. With an approved grant, token exchange gives a region token whose subject is the grant and whose `act` is the sys-admin (RFC 8693 §4.1). One request at a time waits for a decision.',
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: { kind: 'json', schema: supportRequestSchema, examples: [{ summary: 'For reading' }] },
    answers: [{ status: 201, description: 'Asked.', schema: supportGrantSchema, headers: { Location: CREATED_AT } }],
    errors: {
      kind: 'problem',
      codes: [
        ...(['access_denied', 'insufficient_user_authentication', 'not_found', 'conflict'] as const),
        ...([['unknown_region', 422], 'idempotency_key_reused'] as const),
      ],
    },
  },
  {
    ...SUPPORT,
    id: 'readSupportGrant',
    method: 'get',
    path: '/v1/support-grants/{id}',
    summary: 'One of them',
    description: 'For sys-admins.',
    parameters: [ID],
    answers: [GRANT],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...SUPPORT,
    id: 'giveBackSupport',
    method: 'post',
    path: '/v1/support-grants/{id}/end',
    summary: 'Gives support access back, or takes a request back',
    description: 'For sys-admins with a recent sign-in (RFC 9470), whoever had asked. What is over stays as it is.',
    parameters: [ID],
    answers: [GRANT],
    errors: { kind: 'problem', codes: ['access_denied', 'insufficient_user_authentication', 'not_found'] },
  },
  {
    ...SUPPORT,
    id: 'listOrgSupportGrants',
    method: 'get',
    path: '/v1/orgs/{org}/support-grants',
    summary: 'Who from outside was let in, or asks to be',
    description: 'For everybody who is in the organization: in the regions in which they are.',
    parameters: [ORG_NAME],
    query: pageQuerySchema,
    answers: [PAGE],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...SUPPORT,
    id: 'approveSupport',
    method: 'post',
    path: '/v1/orgs/{org}/support-grants/{id}/approve',
    summary: 'Lets support in, for as much and as long as was asked for, or less',
    description: 'For managers of the region, with a recent sign-in (RFC 9470).',
    parameters: OF_ORG,
    body: {
      kind: 'json',
      schema: supportApprovalSchema,
      isOptional: true,
      examples: [{ summary: 'Shorter, and for reading alone', fields: ['access', 'duration_seconds'] }],
    },
    answers: [GRANT],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'insufficient_user_authentication', 'not_found', 'conflict'],
    },
  },
  {
    ...SUPPORT,
    id: 'declineSupport',
    method: 'post',
    path: '/v1/orgs/{org}/support-grants/{id}/decline',
    summary: 'Turns a request down',
    description: 'For managers of the region.',
    parameters: OF_ORG,
    answers: [GRANT],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found', 'conflict'] },
  },
  {
    ...SUPPORT,
    id: 'endSupport',
    method: 'post',
    path: '/v1/orgs/{org}/support-grants/{id}/end',
    summary: 'Ends support access',
    description: 'For everybody who is in that region of the organization. What is over stays as it is.',
    parameters: OF_ORG,
    answers: [GRANT],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found', 'conflict'] },
  },
]
