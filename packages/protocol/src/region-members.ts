// `GET /v1/members` of a region: who is a member of the token's organization there, from the region's own copy.
import { z } from 'zod'
import { membershipIdSchema, userIdSchema } from './ids.ts'
import { membershipStatusSchema } from './members.ts'
import { nextCursorSchema, pageQuerySchema } from './paging.ts'
import { roleSchema } from './roles.ts'

export const regionMemberSchema = z.strictObject({
  id: membershipIdSchema,
  user_id: userIdSchema,
  role: roleSchema,
  status: membershipStatusSchema,
  /** How the person is called in this organization, else their own name; null while the region has not been told. */
  name: z.string().nullable(),
})

export const regionMemberPageSchema = z.strictObject({
  members: z.array(regionMemberSchema),
  next_cursor: nextCursorSchema,
})

export const regionMemberQuerySchema = z.strictObject({
  ...pageQuerySchema.shape,
  role: roleSchema.optional(),
  status: membershipStatusSchema.optional(),
})
