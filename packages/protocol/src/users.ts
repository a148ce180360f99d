// People as sys-admins see them: found by their exact address, locked and let in again. Never what they are called, and
// nothing of what they may do where.
import { z } from 'zod'
import { emailAddressSchema } from './email-address.ts'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, userIdSchema } from './ids.ts'
import { platformRoleSchema } from './me.ts'
import { orgStatusSchema } from './orgs.ts'

export const userStatusSchema = z.enum(['active', 'disabled', 'deleted'])

export const userSchema = z.strictObject({
  id: userIdSchema,
  status: userStatusSchema,
  platform_role: platformRoleSchema.nullable(),
  created_at: z.iso.datetime(),
  disabled_at: z.iso.datetime().nullable(),
  deleted_at: z.iso.datetime().nullable(),
  /** The newest hundred, those that are over too. */
  memberships: z.array(
    z.strictObject({
      org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, status: orgStatusSchema }),
      region: regionCodeSchema,
      status: z.enum(['active', 'suspended', 'removed']),
    }),
  ),
  /** Of a deleted person: in how many regions they are to be erased, and how many have done it. */
  erasure: z.strictObject({ ordered: z.int(), acknowledged: z.int() }),
  version: z.int(),
})
export type User = z.infer<typeof userSchema>

export const userListSchema = z.strictObject({ users: z.array(userSchema) })
export type UserList = z.infer<typeof userListSchema>

/** Query of `GET /v1/users`. */
export const userQuerySchema = z.strictObject({ email: emailAddressSchema })

/** Why somebody is locked or let in: a code, so that nobody writes about people in it. */
export const userStatusReasonSchema = z.enum([
  'account_taken_over',
  'abuse',
  'own_wish',
  'legal',
  'mistake',
  'resolved',
])

/** Body of `PUT /v1/users/{id}/status`. */
export const userStatusChangeSchema = z.strictObject({
  status: z.enum(['active', 'disabled']),
  reason: userStatusReasonSchema,
})
export type UserStatusChange = z.infer<typeof userStatusChangeSchema>
