import { hostMapQuerySchema, hostMapSchema } from '@meridian/protocol/hosts'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { heldKeysSchema } from '@meridian/protocol/jwks'
import { type Operation, pathParameter } from './operation.ts'

const REGION = { area: 'Regions', caller: 'clientItself' } as const
const CODE = pathParameter('code', regionCodeSchema, 'Code of the region; its own client alone may ask.')

export const REGION_OPERATIONS: readonly Operation[] = [
  {
    ...REGION,
    id: 'readHosts',
    method: 'get',
    path: '/v1/regions/{code}/hosts',
    summary: 'The tenant hosts of a region',
    parameters: [CODE],
    query: hostMapQuerySchema,
    answers: [{ status: 200, description: 'All of them.', schema: hostMapSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...REGION,
    id: 'reportKeys',
    method: 'put',
    path: '/v1/regions/{code}/keys',
    summary: 'Reports which signing keys the region holds',
    description: 'A new key signs once every region has reported it, or after a day.',
    parameters: [CODE],
    body: { kind: 'json', schema: heldKeysSchema, examples: [{ summary: 'Report' }] },
    answers: [{ status: 204, description: 'Noted.' }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
]
