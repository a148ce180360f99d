import { orgIdSchema } from '@meridian/protocol/ids'
import {
  assetDigestSchema,
  assetMediaTypeSchema,
  brandingQuerySchema,
  orgAssetListSchema,
  orgAssetSchema,
  publicBrandingSchema,
} from '@meridian/protocol/org-settings'
import { CACHE_CONTROL, type Operation, ORG_NAME, pathParameter } from './operation.ts'

const PICTURE = { area: 'Organizations', caller: 'person', parameters: [ORG_NAME] } as const
const PUBLIC = { area: 'Organizations', caller: 'anybody', isRateLimited: true } as const
const CACHED = { 'Cache-Control': CACHE_CONTROL }
const DIGEST = pathParameter('digest', assetDigestSchema, 'SHA-256 of the picture, in hexadecimal.')

export const ORG_LOOKS_OPERATIONS: readonly Operation[] = [
  {
    ...PUBLIC,
    id: 'readBranding',
    method: 'get',
    path: '/v1/branding',
    summary: 'How an organization wants to look',
    description:
      'From any origin, without credentials. An organization that is unknown, closed or without branding is answered as any other such.',
    query: brandingQuerySchema,
    answers: [{ status: 200, description: 'Its looks.', schema: publicBrandingSchema, headers: CACHED }],
    errors: { kind: 'problem', codes: [] },
  },
  {
    ...PUBLIC,
    id: 'readAsset',
    method: 'get',
    path: '/assets/{org}/{digest}',
    summary: 'A picture of an organization',
    description: 'The same for good: its name is made from its content.',
    parameters: [pathParameter('org', orgIdSchema, 'Id of the organization.'), DIGEST],
    answers: [{ status: 200, description: 'The picture.', mediaType: assetMediaTypeSchema.options, headers: CACHED }],
    errors: { kind: 'problem', codes: ['not_found'] },
  },
  {
    ...PICTURE,
    id: 'addAsset',
    method: 'post',
    path: '/v1/orgs/{org}/assets',
    summary: 'Adds a picture, such as a logo',
    description:
      'For managers. The body is the picture: PNG, JPEG or WebP by its own bytes, 256 KiB at most, 20 an organization. No SVG, which can carry script. The same picture twice is one.',
    body: { kind: 'raw', mediaTypes: assetMediaTypeSchema.options },
    answers: [{ status: 200, description: 'The picture, as others see it.', schema: orgAssetSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'conflict'] },
  },
  {
    ...PICTURE,
    id: 'listAssets',
    method: 'get',
    path: '/v1/orgs/{org}/assets',
    summary: 'The pictures of an organization',
    description: 'For managers.',
    answers: [{ status: 200, description: 'All of them.', schema: orgAssetListSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...PICTURE,
    id: 'removeAsset',
    method: 'delete',
    path: '/v1/orgs/{org}/assets/{digest}',
    summary: 'Removes a picture',
    description: 'For managers. The logo in use is taken out of the branding first.',
    parameters: [ORG_NAME, DIGEST],
    answers: [{ status: 204, description: 'Removed.' }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found', 'conflict'] },
  },
]
