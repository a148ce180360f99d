import { userIdSchema } from '@meridian/protocol/ids'
import { pageQuerySchema } from '@meridian/protocol/paging'
import { sysAdminAppointmentSchema, sysAdminPageSchema, sysAdminSchema } from '@meridian/protocol/sys-admins'
import { userListSchema, userQuerySchema, userSchema, userStatusChangeSchema } from '@meridian/protocol/users'
import { CREATED_AT, ETAG, IDEMPOTENCY_KEY_FOR_RETRY, ifMatch, type Operation, pathParameter } from './operation.ts'

const ADMIN = { area: 'Users', caller: 'person' } as const
const RECENT = 'For sys-admins with a recent sign-in (RFC 9470).'
const RECORDED = `${RECENT} Each look is recorded.`
const ID = pathParameter('id', userIdSchema, 'Id of the person.')

export const USER_OPERATIONS: readonly Operation[] = [
  {
    ...ADMIN,
    id: 'findUsers',
    method: 'get',
    path: '/v1/users',
    summary: 'Finds a person by the exact address',
    description: `${RECORDED} Shows where somebody belongs, not what they may do there.`,
    query: userQuerySchema,
    answers: [{ status: 200, description: 'One or none.', schema: userListSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'insufficient_user_authentication'] },
  },
  {
    ...ADMIN,
    id: 'readUser',
    method: 'get',
    path: '/v1/users/{id}',
    summary: 'One person',
    description: `${RECORDED} Of a deleted one the id is left, and how far the regions are with erasing.`,
    parameters: [ID],
    answers: [{ status: 200, description: 'The person.', schema: userSchema, headers: { ETag: ETAG } }],
    errors: { kind: 'problem', codes: ['access_denied', 'insufficient_user_authentication', 'not_found'] },
  },
  {
    ...ADMIN,
    id: 'changeUserStatus',
    method: 'put',
    path: '/v1/users/{id}/status',
    summary: 'Locks an account, or lets it in again',
    description: `${RECENT} A lock ends every sign-in of the person, who is told by mail. \`last_manager\` names the \`organizations\` that would have no manager left: suspend them first. \`conflict\`: one's own account, one that is deleted, and the last system administrator.`,
    parameters: [ID, ifMatch(true)],
    body: { kind: 'json', schema: userStatusChangeSchema, examples: [{ summary: 'Lock' }] },
    answers: [{ status: 200, description: 'As it is now.', schema: userSchema, headers: { ETag: ETAG } }],
    errors: {
      kind: 'problem',
      codes: [
        'access_denied',
        'insufficient_user_authentication',
        'not_found',
        'conflict',
        'last_manager',
        'precondition_failed',
        'precondition_required',
      ],
    },
  },
  {
    ...ADMIN,
    id: 'listSysAdmins',
    method: 'get',
    path: '/v1/sys-admins',
    summary: 'Who administers the platform, page by page',
    description: 'For sys-admins.',
    query: pageQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: sysAdminPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...ADMIN,
    id: 'appointSysAdmin',
    method: 'post',
    path: '/v1/sys-admins',
    summary: 'Appoints a system administrator',
    description: `${RECENT} Who has an account keeps their name, and is signed out everywhere; nobody who belongs to an organization can become one. Every sys-admin is told by mail.`,
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: { kind: 'json', schema: sysAdminAppointmentSchema, examples: [{ summary: 'A colleague' }] },
    answers: [{ status: 201, description: 'Appointed.', schema: sysAdminSchema, headers: { Location: CREATED_AT } }],
    errors: {
      kind: 'problem',
      codes: [
        'access_denied',
        'insufficient_user_authentication',
        'conflict',
        'sys_admin_cannot_be_member',
        'email_taken',
        'idempotency_key_reused',
      ],
    },
  },
  {
    ...ADMIN,
    id: 'dismissSysAdmin',
    method: 'delete',
    path: '/v1/sys-admins/{id}',
    summary: 'Makes a system administrator an ordinary person again',
    description: `${RECENT} They are signed out everywhere. The last active one stays: \`conflict\`. Every sys-admin is told by mail.`,
    parameters: [ID],
    answers: [{ status: 204, description: 'Dismissed.' }],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'insufficient_user_authentication', 'not_found', 'conflict'],
    },
  },
]
