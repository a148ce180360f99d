// What an organization is entitled to: `/v1/orgs/{org}/entitlements`. A sys-admin sets the licence; within it managers
// switch modules on and off. Both answer INVALID_MODULE and ENHANCEMENT_REQUIRES_STANDALONE where the set that would
// come of it cannot be.
import { z } from 'zod'
import { orgIdSchema } from './ids.ts'
import { moduleKeySchema } from './modules.ts'

/** As it is asked for: what is no key is a key that nothing has. */
export const namedModuleSchema = z.string().min(1).max(100)

export const entitlementSchema = z.strictObject({
  module: moduleKeySchema,
  name: z.string(),
  kind: z.enum(['standalone', 'enhancement']),
  enabled: z.boolean(),
})

export const entitlementsSchema = z.strictObject({
  org_id: orgIdSchema,
  /** Who manages the organization sees the whole licence; others what is switched on. */
  entitlements: z.array(entitlementSchema),
  version: z.int(),
})
export type Entitlements = z.infer<typeof entitlementsSchema>

export const licenceSchema = z.strictObject({
  modules: z
    .array(namedModuleSchema)
    .max(200)
    .refine((keys) => new Set(keys).size === keys.length, 'names a module twice'),
})

export const moduleSwitchSchema = z.strictObject({ enabled: z.boolean() })
