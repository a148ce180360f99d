import { entitlementsSchema, licenceSchema, moduleSwitchSchema } from '@meridian/protocol/entitlements'
import { moduleListSchema } from '@meridian/protocol/modules'
import { z } from 'zod'
import { ETAG, ifMatch, type Operation, ORG_NAME, pathParameter } from './operation.ts'

const MODULES = { area: 'Modules', caller: 'person' } as const
const RULES =
  '`INVALID_MODULE` names in `module` what is not there to be had. `ENHANCEMENT_REQUIRES_STANDALONE` looks at the set that the change would leave: `module` is the enhancement in it that could not stand, and `missing` the standalone modules that it would lack, whether it was asked for without them or they were taken from under it.'
const REFUSED = ['INVALID_MODULE', 'ENHANCEMENT_REQUIRES_STANDALONE'] as const
const CHANGED = ['access_denied', 'precondition_failed', 'precondition_required', ...REFUSED] as const
const SET = { status: 200, description: 'As it is now.', schema: entitlementsSchema, headers: { ETag: ETAG } }

export const MODULE_OPERATIONS: readonly Operation[] = [
  {
    ...MODULES,
    id: 'listModules',
    method: 'get',
    path: '/v1/modules',
    summary: 'The modules that organizations can have',
    answers: [{ status: 200, description: 'All of them, by key.', schema: moduleListSchema }],
    errors: { kind: 'problem', codes: [] },
  },
  {
    ...MODULES,
    id: 'readEntitlements',
    method: 'get',
    path: '/v1/orgs/{org}/entitlements',
    summary: 'What an organization is entitled to',
    description: 'Managers and sys-admins see the licence and its switches; everybody else there, what is switched on.',
    parameters: [ORG_NAME],
    answers: [SET],
    errors: { kind: 'problem', codes: ['access_denied', 'not_found'] },
  },
  {
    ...MODULES,
    id: 'setLicence',
    method: 'put',
    path: '/v1/orgs/{org}/entitlements',
    summary: 'Sets the whole licence of an organization',
    description: `For sys-admins with a recent sign-in (RFC 9470). What is new is switched on where it can be. ${RULES}`,
    parameters: [ORG_NAME, ifMatch(true)],
    body: { kind: 'json', schema: licenceSchema, examples: [{ summary: 'Two modules' }] },
    answers: [SET],
    errors: { kind: 'problem', codes: ['insufficient_user_authentication', 'not_found', ...CHANGED] },
  },
  {
    ...MODULES,
    id: 'switchModule',
    method: 'put',
    path: '/v1/orgs/{org}/entitlements/{module}',
    summary: 'Switches a module of the licence on or off',
    description: `For managers. A module that the licence does not have is as good as unknown. ${RULES}`,
    parameters: [ORG_NAME, pathParameter('module', z.string(), 'Key of the module.'), ifMatch(true)],
    body: { kind: 'json', schema: moduleSwitchSchema, examples: [{ summary: 'On' }] },
    answers: [SET],
    errors: { kind: 'problem', codes: CHANGED },
  },
]
