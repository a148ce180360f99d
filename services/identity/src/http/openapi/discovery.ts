import { issuerJwksSchema, JWKS_MEDIA_TYPE } from '@meridian/protocol/jwks'
import { serverMetadataSchema } from '@meridian/protocol/metadata'
import { CACHE_CONTROL, DOCUMENT_ETAG, type Operation } from './operation.ts'

const CACHED = { 'Cache-Control': CACHE_CONTROL }
const TAGGED = { ...CACHED, ETag: DOCUMENT_ETAG }
const UNCHANGED = { status: 304, description: 'Unchanged: what `If-None-Match` names is still right.', headers: TAGGED }

const METADATA = {
  area: 'Discovery',
  method: 'get',
  caller: 'anybody',
  answers: [{ status: 200, description: 'The metadata.', schema: serverMetadataSchema, headers: CACHED }],
  errors: { kind: 'problem', codes: [] },
} as const

export const DISCOVERY_OPERATIONS: readonly Operation[] = [
  {
    ...METADATA,
    id: 'readServerMetadata',
    path: '/.well-known/oauth-authorization-server',
    summary: 'What this authorization server can do (RFC 8414)',
  },
  {
    ...METADATA,
    id: 'readOpenIdConfiguration',
    path: '/.well-known/openid-configuration',
    summary: 'The same, where OpenID Connect looks for it',
  },
  {
    id: 'readKeys',
    area: 'Discovery',
    method: 'get',
    path: '/oauth/jwks',
    summary: 'The public keys that verify its tokens (RFC 7517)',
    description: 'Fetch it again for a `kid` that is not in it, and keep it where it cannot be fetched.',
    caller: 'anybody',
    answers: [
      { status: 200, description: 'The keys.', schema: issuerJwksSchema, mediaType: JWKS_MEDIA_TYPE, headers: TAGGED },
      UNCHANGED,
    ],
    errors: { kind: 'oauth', codes: [] },
  },
  {
    id: 'readApiDescription',
    area: 'Discovery',
    method: 'get',
    path: '/openapi.json',
    summary: 'This description, as OpenAPI 3.1',
    description: 'The same to read is at `/api-reference`.',
    caller: 'anybody',
    answers: [{ status: 200, description: 'The document.', mediaType: 'application/json', headers: TAGGED }, UNCHANGED],
    errors: { kind: 'problem', codes: [] },
  },
]
