// Words of which organizations are described, wherever they cross a wire.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'

/** One line of text that people read: no control characters, no surrounding space. */
export const displayNameSchema = z
  .string()
  .trim()
  .min(1)
  .max(120)
  .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), 'has a control character')

export const subscriptionTierSchema = z.enum(['free', 'standard', 'premium'])

export const orgStatusSchema = z.enum(['active', 'maintenance', 'suspended', 'deleted'])
export type OrgStatus = z.infer<typeof orgStatusSchema>

/** Whom the operator writes to; need not be a user. */
export const primaryContactSchema = z.strictObject({ name: displayNameSchema, email: emailAddressSchema })
