import { orgCreateSchema, orgSchema } from '@meridian/protocol/orgs'
import { CREATED_AT, IDEMPOTENCY_KEY_FOR_RETRY, type Operation } from './operation.ts'

export const ORG_OPERATIONS: readonly Operation[] = [
  {
    id: 'createOrg',
    area: 'Organizations',
    method: 'post',
    path: '/v1/orgs',
    summary: 'Provisions an organization, its regions and its first manager',
    description: 'For sys-admins.',
    caller: 'person',
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: {
      kind: 'json',
      schema: orgCreateSchema,
      examples: [{ summary: 'In two regions', fields: ['subscription_tier'] }],
    },
    answers: [{ status: 201, description: 'Made.', schema: orgSchema, headers: { Location: CREATED_AT } }],
    errors: {
      kind: 'problem',
      codes: [
        'access_denied',
        'slug_taken',
        'sys_admin_cannot_be_member',
        ['unknown_region', 422],
        'idempotency_key_reused',
      ],
    },
  },
]
