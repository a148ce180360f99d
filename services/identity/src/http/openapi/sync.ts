import { orgIdSchema, regionCodeSchema } from '@meridian/protocol/ids'
import { registeredRegionListSchema } from '@meridian/protocol/region-registry'
import { regionReportSchema, regionSyncListSchema, reportAnswerSchema } from '@meridian/protocol/region-report'
import {
  syncOrderCreateSchema,
  syncOrderedSchema,
  syncOrderListSchema,
  syncOrderQuerySchema,
  syncOrderSchema,
  syncProgressSchema,
} from '@meridian/protocol/sync-orders'
import { usageQuerySchema, usageSchema } from '@meridian/protocol/usage'
import { IDEMPOTENCY_KEY_FOR_RETRY, type Operation, ORG_NAME, pathParameter } from './operation.ts'

const SYNC = { area: 'Synchronization', caller: 'person' } as const
const REGION = { area: 'Synchronization', caller: 'clientItself' } as const
const CODE = pathParameter('code', regionCodeSchema, 'Code of the region; its own client alone may say this.')
const ORDER = pathParameter('id', orgIdSchema, 'Id of the order.')
const FOR_SYS_ADMINS = 'For sys-admins.'

export const SYNC_OPERATIONS: readonly Operation[] = [
  {
    ...REGION,
    id: 'reportRegion',
    method: 'put',
    path: '/v1/regions/{code}/report',
    summary: 'Reports how the region is',
    description:
      'Every 15 seconds. Organizations that are not in the region are passed over. Usage of a day never goes down; days that are over a month ago are passed over. `rate_limited`: more than four a second, after forty at once.',
    parameters: [CODE],
    body: { kind: 'json', schema: regionReportSchema, examples: [{ summary: 'Report', fields: ['tenants', 'usage'] }] },
    answers: [{ status: 200, description: 'Noted.', schema: reportAnswerSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'rate_limited'] },
  },
  {
    ...REGION,
    id: 'reportOrder',
    method: 'put',
    path: '/v1/regions/{code}/orders/{id}',
    summary: 'Reports how an order goes that the region is at',
    description:
      '`done` and `failed` end it; saying the same again changes nothing. `conflict`: it is finished or was cancelled, and the region gives it up.',
    parameters: [CODE, ORDER],
    body: { kind: 'json', schema: syncProgressSchema, examples: [{ summary: 'Progress' }] },
    answers: [{ status: 204, description: 'Noted.' }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found', 'conflict'] },
  },
  {
    ...SYNC,
    id: 'listRegions',
    method: 'get',
    path: '/v1/regions',
    summary: 'The registry of regions',
    description: 'For sys-admins. It is the operator’s configuration, and read-only here.',
    answers: [{ status: 200, description: 'All, withdrawn ones too.', schema: registeredRegionListSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...SYNC,
    id: 'listRegionSync',
    method: 'get',
    path: '/v1/sync/regions',
    summary: 'How the regions are, and how their copies stand',
    description: FOR_SYS_ADMINS,
    answers: [{ status: 200, description: 'All that are in use.', schema: regionSyncListSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...SYNC,
    id: 'orderSync',
    method: 'post',
    path: '/v1/sync/orders',
    summary: 'Has regions compare, mend or rebuild their copy',
    description: `${FOR_SYS_ADMINS} Needs a recent sign-in (RFC 9470). A region is at one order at a time, and goes on serving; what it does not finish in a day is cancelled. \`conflict\`: all of them are at another one.`,
    parameters: [IDEMPOTENCY_KEY_FOR_RETRY],
    body: { kind: 'json', schema: syncOrderCreateSchema, examples: [{ summary: 'Compare, everywhere' }] },
    answers: [
      { status: 200, description: 'What would be ordered (`dry_run`).', schema: syncOrderedSchema },
      { status: 201, description: 'Ordered; each region’s outcome by itself.', schema: syncOrderedSchema },
    ],
    errors: {
      kind: 'problem',
      codes: [
        'access_denied',
        'insufficient_user_authentication',
        ['unknown_region', 422],
        'conflict',
        'idempotency_key_reused',
      ],
    },
  },
  {
    ...SYNC,
    id: 'listSyncOrders',
    method: 'get',
    path: '/v1/sync/orders',
    summary: 'What regions were asked to do, and how it went',
    description: `${FOR_SYS_ADMINS} Newest first.`,
    query: syncOrderQuerySchema,
    answers: [{ status: 200, description: 'A page of them.', schema: syncOrderListSchema }],
    errors: { kind: 'problem', codes: ['access_denied'] },
  },
  {
    ...SYNC,
    id: 'readSyncOrder',
    method: 'get',
    path: '/v1/sync/orders/{id}',
    summary: 'How one order goes',
    description: FOR_SYS_ADMINS,
    parameters: [ORDER],
    answers: [{ status: 200, description: 'The order.', schema: syncOrderSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...SYNC,
    id: 'readUsage',
    method: 'get',
    path: '/v1/orgs/{org}/usage',
    summary: 'How many requests an organization made, by day and region',
    description: 'For its managers and for sys-admins, as its regions reported it. 400 days are kept.',
    parameters: [ORG_NAME],
    query: usageQuerySchema,
    answers: [{ status: 200, description: 'Days without requests are left out.', schema: usageSchema }],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
]
