import {
  clientIdSchema,
  clientPageQuerySchema,
  clientPageSchema,
  clientRegistrationSchema,
  clientSecretSchema,
  createdClientSchema,
  registeredClientSchema,
} from '@meridian/protocol/clients'
import { CREATED_AT, ETAG, IDEMPOTENCY_KEY_FOR_RETRY, ifMatch, type Operation, pathParameter } from './operation.ts'

const ADMIN = { area: 'Clients', caller: 'person' } as const
const WRITE = 'For sys-admins with a recent sign-in (RFC 9470).'
const ID = pathParameter('id', clientIdSchema, 'Id of the client.')
const REGISTRATION = {
  kind: 'json',
  schema: clientRegistrationSchema,
  examples: [{ summary: 'A confidential client', fields: ['redirect_uris', 'allowed_resources', 'account_token'] }],
} as const

export const CLIENT_OPERATIONS: readonly Operation[] = [
  {
    ...ADMIN,
    id: 'listClients',
    method: 'get',
    path: '/v1/clients',
    summary: 'The registered clients, page by page',
    description: 'For sys-admins.',
    query: clientPageQuerySchema,
    answers: [{ status: 200, description: 'One page.', schema: clientPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...ADMIN,
    id: 'createClient',
    method: 'post',
    path: '/v1/clients',
    summary: 'Registers a client',
    description: `${WRITE} A secret, where the client has one, stands in this answer alone.`,
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: REGISTRATION,
    answers: [
      {
        status: 201,
        description: 'Registered.',
        schema: createdClientSchema,
        headers: { Location: CREATED_AT, ETag: ETAG },
      },
    ],
    errors: {
      kind: 'problem',
      codes: [
        'access_denied',
        'insufficient_user_authentication',
        'client_id_taken',
        ['unknown_region', 422],
        'idempotency_key_reused',
      ],
    },
  },
  {
    ...ADMIN,
    id: 'readClient',
    method: 'get',
    path: '/v1/clients/{id}',
    summary: 'One client',
    description: 'For sys-admins.',
    parameters: [ID],
    answers: [{ status: 200, description: 'The client.', schema: registeredClientSchema, headers: { ETag: ETAG } }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...ADMIN,
    id: 'changeClient',
    method: 'put',
    path: '/v1/clients/{id}',
    summary: 'Changes a client: the whole of its registration',
    description: `${WRITE} Clients of the configuration are read-only.`,
    parameters: [ID, ifMatch(true)],
    body: REGISTRATION,
    answers: [{ status: 200, description: 'Changed.', schema: registeredClientSchema, headers: { ETag: ETAG } }],
    errors: {
      kind: 'problem',
      codes: [
        ...([
          'access_denied',
          'insufficient_user_authentication',
          'not_found',
          'conflict',
          'precondition_failed',
        ] as const),
        'precondition_required',
        ['unknown_region', 422],
      ],
    },
  },
  {
    ...ADMIN,
    id: 'deleteClient',
    method: 'delete',
    path: '/v1/clients/{id}',
    summary: 'Deletes a client, and ends what it opened',
    description: `${WRITE} Its id is never given again.`,
    parameters: [ID, ifMatch(false)],
    answers: [{ status: 204, description: 'Deleted.' }],
    errors: {
      kind: 'problem',
      codes: ['access_denied', 'insufficient_user_authentication', 'not_found', 'conflict', 'precondition_failed'],
    },
  },
  {
    ...ADMIN,
    id: 'rotateClientSecret',
    method: 'post',
    path: '/v1/clients/{id}/secret',
    summary: 'Makes a new secret; the old one is good no longer',
    description: `${WRITE} The secret stands in this answer and its repeats alone.`,
    parameters: [ID, ifMatch(false), IDEMPOTENCY_KEY_FOR_RETRY],
    answers: [{ status: 200, description: 'The new secret.', schema: clientSecretSchema, headers: { ETag: ETAG } }],
    errors: {
      kind: 'problem',
      codes: [
        ...([
          'access_denied',
          'insufficient_user_authentication',
          'not_found',
          'conflict',
          'precondition_failed',
        ] as const),
        'idempotency_key_reused',
      ],
    },
  },
]
