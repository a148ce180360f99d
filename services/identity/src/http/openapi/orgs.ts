import { orgCreateSchema, orgSchema } from '@meridian/protocol/org-create'
import {
  orgDetailsSchema,
  orgPageQuerySchema,
  orgPageSchema,
  orgPatchSchema,
  slugChangeSchema,
} from '@meridian/protocol/org-details'
import {
  summaryPageQuerySchema,
  summaryPageSchema,
  summaryQuerySchema,
  tenantSummarySchema,
} from '@meridian/protocol/tenant-summaries'
import { CREATED_AT, ETAG, IDEMPOTENCY_KEY_FOR_RETRY, ifMatch, type Operation, ORG_NAME } from './operation.ts'

const ORG = { area: 'Organizations', caller: 'person' } as const
const CHANGED = { status: 200, description: 'As it is now.', schema: orgDetailsSchema, headers: { ETag: ETAG } }

export const ORG_OPERATIONS: readonly Operation[] = [
  {
    ...ORG,
    id: 'listOrgs',
    method: 'get',
    path: '/v1/orgs',
    summary: 'The organizations, page by page',
    description: 'For sys-admins. In every state, unless one is asked for.',
    query: orgPageQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: orgPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...ORG,
    id: 'createOrg',
    method: 'post',
    path: '/v1/orgs',
    summary: 'Provisions an organization, its regions, its licence, its first manager',
    description: 'For sys-admins with a recent sign-in (RFC 9470).',
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: {
      kind: 'json',
      schema: orgCreateSchema,
      examples: [{ summary: 'In two regions', fields: ['subscription_tier', 'modules'] }],
    },
    answers: [{ status: 201, description: 'Made.', schema: orgSchema, headers: { Location: CREATED_AT } }],
    errors: {
      kind: 'problem',
      codes: [
        ...(['access_denied', 'insufficient_user_authentication', 'slug_taken', 'email_taken', 'conflict'] as const),
        ...(['sys_admin_cannot_be_member', 'INVALID_MODULE', 'ENHANCEMENT_REQUIRES_STANDALONE'] as const),
        ...([['unknown_region', 422], 'idempotency_key_reused'] as const),
      ],
    },
  },
  {
    ...ORG,
    id: 'readOrg',
    method: 'get',
    path: '/v1/orgs/{org}',
    summary: 'One organization',
    description:
      'Its people see how they stand in it; its managers also its primary contact; sys-admins its data and how many people it has, never who. A former slug leads to it as well. One that is unknown is `not_found` to sys-admins, and `access_denied` to everybody else, as one that is not theirs.',
    parameters: [ORG_NAME],
    answers: [{ status: 200, description: 'The organization.', schema: orgDetailsSchema, headers: { ETag: ETAG } }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...ORG,
    id: 'changeOrg',
    method: 'patch',
    path: '/v1/orgs/{org}',
    summary: 'Changes what is written of an organization',
    description:
      'Its managers set `name`, `primary_contact` and `settings`; sys-admins with a recent sign-in (RFC 9470) `name`, `primary_contact`, `subscription_tier`, `data_placement` and `home_region`. A field that is not the caller’s refuses the whole change.',
    parameters: [ORG_NAME, ifMatch(true)],
    body: {
      kind: 'json',
      schema: orgPatchSchema,
      examples: [
        { summary: 'By a manager', fields: ['settings'] },
        { summary: 'By a sys-admin', fields: ['subscription_tier', 'home_region'] },
      ],
    },
    answers: [CHANGED],
    errors: {
      kind: 'problem',
      codes: [
        ...(['access_denied', 'insufficient_user_authentication', 'conflict', 'precondition_failed'] as const),
        ...(['precondition_required', 'not_found', ['unknown_region', 422]] as const),
      ],
    },
  },
  {
    ...ORG,
    id: 'changeOrgSlug',
    method: 'put',
    path: '/v1/orgs/{org}/slug',
    summary: 'Gives an organization another slug',
    description:
      'For its managers and for sys-admins, with a recent sign-in (RFC 9470). The former slug leads to it, and is nobody else’s, for a year; until then it can be taken back. Five former slugs at most lead to one organization.',
    parameters: [ORG_NAME, ifMatch(true)],
    body: { kind: 'json', schema: slugChangeSchema, examples: [{ summary: 'Another slug' }] },
    answers: [CHANGED],
    errors: {
      kind: 'problem',
      codes: [
        ...(['access_denied', 'insufficient_user_authentication', 'slug_taken', 'conflict'] as const),
        ...(['precondition_failed', 'precondition_required', 'not_found'] as const),
      ],
    },
  },
  {
    ...ORG,
    id: 'readTenantSummary',
    method: 'get',
    path: '/v1/orgs/{org}/summary',
    summary: 'How many people an organization has, region by region',
    description: 'For sys-admins. Counted at most once a minute, unless `live` asks for it.',
    parameters: [ORG_NAME],
    query: summaryQuerySchema,
    answers: [{ status: 200, description: 'The counts.', schema: tenantSummarySchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...ORG,
    id: 'listTenantSummaries',
    method: 'get',
    path: '/v1/summaries',
    summary: 'The same of all organizations, page by page',
    description: 'For sys-admins. Without those that are deleted.',
    query: summaryPageQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: summaryPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
]
