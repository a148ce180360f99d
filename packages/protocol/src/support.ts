// Support access: what a sys-admin asks an organization for, and what becomes of it.
import { z } from 'zod'
import { orgIdSchema, orgSlugSchema, regionCodeSchema, supportGrantIdSchema, userIdSchema } from './ids.ts'
import { nextCursorSchema } from './paging.ts'

const MIN_SECONDS = 300
const MAX_SECONDS = 14_400

/** `read` acts as a viewer, `write` as a member; nobody from outside is ever a manager. */
export const supportAccessSchema = z.enum(['read', 'write'])
export type SupportAccess = z.infer<typeof supportAccessSchema>

const durationSchema = z.int().min(MIN_SECONDS).max(MAX_SECONDS)

/** Body of `POST /v1/support-grants`. `org`: an id or a slug. */
export const supportRequestSchema = z.strictObject({
  org: z
    .string()
    .max(100)
    .regex(/^[A-Za-z0-9-]+$/),
  region: regionCodeSchema,
  reason: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .refine((text) => !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text), 'has a control character'),
  access: supportAccessSchema.default('read'),
  duration_seconds: durationSchema,
})
export type SupportRequest = z.infer<typeof supportRequestSchema>

/** Body of an approval, which may give less than was asked for and never more. */
export const supportApprovalSchema = z.strictObject({
  access: supportAccessSchema.optional(),
  duration_seconds: durationSchema.optional(),
})
export type SupportApproval = z.infer<typeof supportApprovalSchema>

export const supportGrantSchema = z.strictObject({
  id: supportGrantIdSchema,
  org: z.strictObject({ id: orgIdSchema, slug: orgSlugSchema, name: z.string() }),
  region: regionCodeSchema,
  /** The `resource` to exchange an account token for. */
  audience: z.string(),
  requested_by: z.strictObject({ id: userIdSchema, name: z.string() }),
  reason: z.string(),
  access: supportAccessSchema,
  duration_seconds: z.int(),
  status: z.enum(['requested', 'approved', 'declined', 'ended']),
  requested_at: z.iso.datetime(),
  decided_by: userIdSchema.nullable(),
  decided_at: z.iso.datetime().nullable(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
  ended_by: userIdSchema.nullable(),
  ended_at: z.iso.datetime().nullable(),
  ended_reason: z.enum(['organization', 'platform', 'expired', 'organization_closed', 'requester_gone']).nullable(),
})
export type SupportGrant = z.infer<typeof supportGrantSchema>

export const supportGrantPageSchema = z.strictObject({
  support_grants: z.array(supportGrantSchema),
  next_cursor: nextCursorSchema,
})
export type SupportGrantPage = z.infer<typeof supportGrantPageSchema>
