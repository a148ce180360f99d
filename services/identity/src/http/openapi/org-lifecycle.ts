import { regionCodeSchema } from '@meridian/protocol/ids'
import {
  firstManagerAddedSchema,
  firstManagerSchema,
  orgDetailsSchema,
  orgStatusChangeSchema,
} from '@meridian/protocol/org-details'
import { ETAG, IDEMPOTENCY_KEY_FOR_RETRY, ifMatch, type Operation, ORG_NAME, pathParameter } from './operation.ts'

const WRITE = { area: 'Organizations', caller: 'person', parameters: [ORG_NAME, ifMatch(false)] } as const
const CHANGED = { status: 200, description: 'As it is now.', schema: orgDetailsSchema, headers: { ETag: ETAG } }
const FOR = 'For sys-admins with a recent sign-in (RFC 9470).'
const REGION = pathParameter('code', regionCodeSchema, 'Code of the region.')
const REFUSED = [
  'access_denied',
  'not_found',
  'insufficient_user_authentication',
  'conflict',
  'precondition_failed',
] as const

export const ORG_LIFECYCLE_OPERATIONS: readonly Operation[] = [
  {
    ...WRITE,
    id: 'changeOrgStatus',
    method: 'put',
    path: '/v1/orgs/{org}/status',
    summary: 'Opens, maintains or suspends an organization',
    description: `${FOR} Suspended, it admits nobody. Only one with an active manager is opened.`,
    body: { kind: 'json', schema: orgStatusChangeSchema, examples: [{ summary: 'A state' }] },
    answers: [CHANGED],
    errors: { kind: 'problem', codes: REFUSED },
  },
  {
    ...WRITE,
    id: 'deleteOrg',
    method: 'delete',
    path: '/v1/orgs/{org}',
    summary: 'Deletes an organization',
    description: `${FOR} It admits nobody from now on. Until \`delete_after\` it can be restored; then all that is held of it is erased, in every region and here. Its id is never given again.`,
    answers: [CHANGED],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'insufficient_user_authentication', 'not_found', 'precondition_failed'],
    },
  },
  {
    ...WRITE,
    id: 'restoreOrg',
    method: 'post',
    path: '/v1/orgs/{org}/restore',
    summary: 'Brings a deleted organization back',
    description: `${FOR} To the state that it had; suspended where it has no active manager any more.`,
    answers: [CHANGED],
    errors: { kind: 'problem', codes: REFUSED },
  },
  {
    ...WRITE,
    id: 'addOrgRegion',
    method: 'put',
    path: '/v1/orgs/{org}/regions/{code}',
    summary: 'Adds a region to an organization, or brings it back',
    description: `${FOR} Whoever was a member there is so again.`,
    parameters: [ORG_NAME, REGION, ifMatch(false)],
    answers: [CHANGED],
    errors: { kind: 'problem', codes: [...REFUSED, ['unknown_region', 422]] },
  },
  {
    ...WRITE,
    id: 'withdrawOrgRegion',
    method: 'delete',
    path: '/v1/orgs/{org}/regions/{code}',
    summary: 'Withdraws an organization from a region',
    description: `${FOR} Its members there stay members and cannot act there. Nothing is erased. It keeps a region, and the home region is changed first.`,
    parameters: [ORG_NAME, REGION, ifMatch(false)],
    answers: [CHANGED],
    errors: { kind: 'problem', codes: [...REFUSED, ['unknown_region', 422]] },
  },
  {
    ...WRITE,
    id: 'addFirstManager',
    method: 'post',
    path: '/v1/orgs/{org}/first-manager',
    summary: 'Makes somebody manager of an organization that has none',
    description: `${FOR} In all of its regions. Where anybody manages it, its managers see to it themselves.`,
    parameters: [ORG_NAME, IDEMPOTENCY_KEY_FOR_RETRY],
    body: { kind: 'json', schema: firstManagerSchema, examples: [{ summary: 'The manager' }] },
    answers: [{ status: 201, description: 'Made manager.', schema: firstManagerAddedSchema }],
    errors: {
      kind: 'problem',
      codes: [
        ...(['access_denied', 'insufficient_user_authentication', 'manager_present', 'conflict', 'not_found'] as const),
        ...(['email_taken', 'sys_admin_cannot_be_member', 'idempotency_key_reused'] as const),
      ],
    },
  },
]
