import { erasureOrderPageSchema } from '@meridian/protocol/erasures'
import {
  changesPageSchema,
  changesQuerySchema,
  digestsPageSchema,
  digestsQuerySchema,
  snapshotPageSchema,
  snapshotQuerySchema,
} from '@meridian/protocol/feed'
import { regionCodeSchema } from '@meridian/protocol/ids'
import { pageQuerySchema } from '@meridian/protocol/paging'
import { revocationPageSchema, revocationQuerySchema } from '@meridian/protocol/revocations'
import { z } from 'zod'
import { type Operation, pathParameter } from './operation.ts'

const LANES = { area: 'Region lanes', caller: 'clientItself' } as const
const CODE = pathParameter('code', regionCodeSchema, 'Code of the region; its own client alone may ask.')

export const REGION_LANE_OPERATIONS: readonly Operation[] = [
  {
    ...LANES,
    id: 'readRevocations',
    method: 'get',
    path: '/v1/regions/{code}/revocations',
    summary: 'What the region must refuse before its tokens end',
    description:
      'What was committed since `after` was given; without it, or after a long absence, everything that is revoked now (`full`). Answered when there is something, or after `wait` seconds. An entry may come twice.',
    parameters: [CODE],
    query: revocationQuerySchema,
    answers: [{ status: 200, description: 'A page of it.', schema: revocationPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...LANES,
    id: 'readChanges',
    method: 'get',
    path: '/v1/regions/{code}/changes',
    summary: 'What has changed of what the region may see',
    description:
      'The state as it is now of each entity that has changed since `after`, or null for one that is to be seen there no more; an entry may come twice, and is newer where its `revision` is. Answered when there is something, or after `wait` seconds. `cursor_gone`: what came after that cursor cannot be told any more; the region compares its digests, and reads again what differs. `rate_limited`: three pages of it are read at once, and forty wait for their turn.',
    parameters: [CODE],
    query: changesQuerySchema,
    answers: [{ status: 200, description: 'A page of it.', schema: changesPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'cursor_gone', 'rate_limited'] },
  },
  {
    ...LANES,
    id: 'readSnapshot',
    method: 'get',
    path: '/v1/regions/{code}/snapshot',
    summary: 'Everything that the region may see',
    description:
      'As it is now, by key (`kind/id`). A page may have fewer entries than `limit`, or none, and not be the last. Whoever has read all pages follows the changes from the `cursor` of the first one. `rate_limited`: two pages of it, or of the digests, are read at once.',
    parameters: [CODE],
    query: snapshotQuerySchema,
    answers: [{ status: 200, description: 'A page of it.', schema: snapshotPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'rate_limited'] },
  },
  {
    ...LANES,
    id: 'readDigests',
    method: 'get',
    path: '/v1/regions/{code}/digests',
    summary: 'Digests of everything that the region may see',
    description: 'For each range of keys, to be compared with what the region holds.',
    parameters: [CODE],
    query: digestsQuerySchema,
    answers: [{ status: 200, description: 'Some of them.', schema: digestsPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'rate_limited'] },
  },
  {
    ...LANES,
    id: 'listErasures',
    method: 'get',
    path: '/v1/regions/{code}/erasures',
    summary: 'What the region is to erase',
    description: 'Orders that the region has not acknowledged, oldest first.',
    parameters: [CODE],
    query: pageQuerySchema,
    answers: [{ status: 200, description: 'A page of them.', schema: erasureOrderPageSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...LANES,
    id: 'acknowledgeErasure',
    method: 'put',
    path: '/v1/regions/{code}/erasures/{id}',
    summary: 'Reports that an order to erase is carried out',
    description: 'Once for good; a repeat changes nothing.',
    parameters: [CODE, pathParameter('id', z.uuidv7(), 'Id of the order.')],
    answers: [{ status: 204, description: 'Noted.' }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
]
