// Provisioning of organizations: `POST /v1/orgs`, by a sys-admin.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { newOrgSlugSchema, orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from './ids.ts'
import { moduleKeySchema } from './modules.ts'
import { displayNameSchema, orgStatusSchema, primaryContactSchema, subscriptionTierSchema } from './orgs.ts'

export const orgCreateSchema = z.strictObject({
  slug: newOrgSlugSchema,
  name: displayNameSchema,
  primary_contact: primaryContactSchema,
  subscription_tier: subscriptionTierSchema.default('standard'),
  regions: z
    .array(regionCodeSchema)
    .min(1)
    .max(20)
    .refine((codes) => new Set(codes).size === codes.length, 'names a region twice'),
  first_manager: z.strictObject({ name: displayNameSchema, email: emailAddressSchema }),
  /** Its licence. What is in it is switched on. */
  modules: z
    .array(moduleKeySchema)
    .max(200)
    .refine((keys) => new Set(keys).size === keys.length, 'names a module twice')
    .default([]),
})
export type OrgCreate = z.infer<typeof orgCreateSchema>

export const orgSchema = z.strictObject({
  id: orgIdSchema,
  slug: orgSlugSchema,
  name: z.string(),
  status: orgStatusSchema,
  subscription_tier: subscriptionTierSchema,
  regions: z.array(regionCodeSchema),
  first_manager: z.strictObject({ id: userIdSchema }),
  version: z.int(),
})
export type Org = z.infer<typeof orgSchema>
