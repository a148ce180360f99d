// Provisioning of organizations: `POST /v1/orgs`, by a sys-admin.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from './ids.ts'

/** One line of text that people read: no control characters, no surrounding space. */
export const displayNameSchema = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), 'has a control character')

export const subscriptionTierSchema = z.enum(['free', 'standard', 'premium'])

export const orgCreateSchema = z.strictObject({
  slug: orgSlugSchema,
  name: displayNameSchema,
  primary_contact: z.strictObject({ name: displayNameSchema, email: emailAddressSchema }),
  subscription_tier: subscriptionTierSchema.default('standard'),
  regions: z
    .array(regionCodeSchema)
    .min(1)
    .max(20)
    .refine((codes) => new Set(codes).size === codes.length, 'names a region twice'),
  first_manager: z.strictObject({ name: displayNameSchema, email: emailAddressSchema }),
})
export type OrgCreate = z.infer<typeof orgCreateSchema>

export const orgSchema = z.strictObject({
  id: orgIdSchema,
  slug: orgSlugSchema,
  name: z.string(),
  status: z.enum(['active', 'maintenance', 'suspended', 'deleted']),
  subscription_tier: subscriptionTierSchema,
  regions: z.array(regionCodeSchema),
  first_manager: z.strictObject({ id: userIdSchema }),
  version: z.int(),
})
export type Org = z.infer<typeof orgSchema>
