import { personExportSchema } from '@meridian/protocol/export'
import { meSchema } from '@meridian/protocol/me'
import { meChangeSchema } from '@meridian/protocol/own-account'
import { ATTACHMENT, ETAG, ifMatch, type Operation } from './operation.ts'

const OWN = { area: 'The own account', caller: 'person' } as const
const STEP_UP = 'Needs a recent sign-in (RFC 9470).'

export const OWN_ACCOUNT_OPERATIONS: readonly Operation[] = [
  {
    ...OWN,
    id: 'readMe',
    method: 'get',
    path: '/v1/me',
    summary: 'Who is signed in',
    answers: [{ status: 200, description: 'The person and the session.', schema: meSchema, headers: { ETag: ETAG } }],
    errors: { kind: 'problem', codes: [] },
  },
  {
    ...OWN,
    id: 'renameMe',
    method: 'patch',
    path: '/v1/me',
    summary: 'Changes the own name',
    description: 'How a person is called in one organization is its own field, on the membership.',
    parameters: [ifMatch(true)],
    body: { kind: 'json', schema: meChangeSchema, examples: [{ summary: 'Another name' }] },
    answers: [{ status: 200, description: 'Changed.', schema: meSchema, headers: { ETag: ETAG } }],
    errors: { kind: 'problem', codes: ['precondition_failed', 'precondition_required'] },
  },
  {
    ...OWN,
    id: 'deleteMe',
    method: 'delete',
    path: '/v1/me',
    summary: 'Deletes the own account, at once and for good',
    description: `${STEP_UP} Every sign-in and membership ends, and what is held about the person is erased here and in every region; they are told by mail. \`last_manager\` names the \`organizations\` that would have no manager left, each with \`helped_by\`: \`managers\` where the caller can make somebody else one, \`sys_admins\` where only the platform’s can help, since the organization is suspended or the caller’s regions of it are withdrawn. \`conflict\`: the last system administrator stays, and an address that was changed lately may have to be given back first (\`possible_from\`).`,
    answers: [{ status: 204, description: 'Deleted.' }],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication', 'last_manager', 'conflict'] },
  },
  {
    ...OWN,
    id: 'exportMe',
    method: 'post',
    path: '/v1/me/export',
    summary: 'Hands out everything that is held about the person',
    description: `${STEP_UP} As a file to keep. It names the regions, which may hold more. The person is told by mail.`,
    isRateLimited: true,
    answers: [
      {
        status: 200,
        description: 'All of it.',
        schema: personExportSchema,
        headers: { 'Content-Disposition': ATTACHMENT },
      },
    ],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication'] },
  },
]
